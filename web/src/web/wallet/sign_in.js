/** What stands in the page's place while nobody is signed in: in a demo a name is asked for, else a token. */

import { byId, complaint, element, field } from './elements.js';
import { isDemo, tokenFor, withName, withToken } from './session.js';
import { say } from './words.js';

const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** @param {string} [problem] why it is asked for again */
export async function askToSignIn(problem = '') {
  byId('sign-in').hidden = false;
  const form = await isDemo().then(
    (demo) => (demo ? nameForm(problem) : tokenForm(problem)),
    () => again(problem),
  );
  byId('sign-in').replaceChildren(form);
  /** @type {HTMLElement | null} */ (form.querySelector('input, textarea'))?.focus();
}

/** @param {string} problem */
function nameForm(problem) {
  const input = element('input', { id: 'name', autocomplete: 'username', autocapitalize: 'off', spellcheck: 'false', 'aria-describedby': 'name-hint name-words' });
  const words = complaint({ id: 'name-words' });
  const button = element('button', { class: 'primary', type: 'submit' }, say('signIn'));
  const form = card(say('signIn'), say('signInDemo'), 'name-hint', field(say('name'), input), words, button);
  words.textContent = problem;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const name = input.value.trim().toLowerCase();
    words.textContent = NAME.test(name) ? await refusalOf(name) : say('nameRule');
    if (words.textContent) return input.focus();
    withName(name);
    // A fresh page holds nothing of the user before.
    location.reload();
  });
  return form;
}

/** @param {string} name */
async function refusalOf(name) {
  try {
    return (await tokenFor(name)) === null ? say('noSignIn') : '';
  } catch {
    return say('noServer');
  }
}

/** @param {string} problem */
function tokenForm(problem) {
  const input = element('textarea', { id: 'token', rows: '4', required: '', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-describedby': 'token-hint' });
  const words = complaint();
  const button = element('button', { class: 'primary', type: 'submit' }, say('open'));
  const form = card(say('openAccountTitle'), say('tokenHint'), 'token-hint', field(say('token'), input), words, button);
  words.textContent = problem;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    withToken(input.value.trim());
    location.reload();
  });
  return form;
}

/** @param {string} problem */
function again(problem) {
  const form = card(say('signIn'), say('noServer'), 'server-hint', element('button', { class: 'primary', type: 'submit' }, say('tryAgain')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    askToSignIn(problem);
  });
  return form;
}

/** @param {string} title @param {string} hint @param {string} hintId @param {...Node} parts */
function card(title, hint, hintId, ...parts) {
  return element('form', { class: 'card', novalidate: '' }, element('h1', {}, title), element('p', { class: 'quiet', id: hintId }, hint), ...parts);
}
