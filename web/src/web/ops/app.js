/** The operator's page: what is live comes over the socket, the rest is asked for every few seconds. */

import { html, nothing, render } from '/sdk/v1/vendor/lit.js';
import { gateways, holes, lanes, latency, services, tiles } from './figures.js';
import { flags } from './flags.js';
import { Letters } from './letters.js';
import { watch } from './live.js';
import { LONGEST_S } from './scale.js';
import { Failed, SignedOut, ask, isSignedIn, signIn, signOut } from './session.js';
import { Trail } from './trail.js';

const ASK_EVERY_MS = 5_000;

const main = /** @type {HTMLElement} */ (document.getElementById('ops'));
const status = /** @type {HTMLElement} */ (document.getElementById('status'));
const leave = /** @type {HTMLElement} */ (document.getElementById('sign-out'));

/** @type {import('./live.js').Now | null} */
let now = null;
/** @type {import('./live.js').Point[]} */
let points = [];
/** @type {import('./figures.js').Coverage | null} */
let coverage = null;
/** @type {import('./flags.js').Flag[] | null} */
let flagged = null;
/** Whether what is asked for has been answered, or not, at least once: nothing is said of it before. */
let isAsked = false;
let isDrawing = false;

const letters = new Letters(draw);
const trail = new Trail(draw);

function draw() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    letters.keepKeyboard(() => render(page(), main));
  });
}

function page() {
  return html`
    <h1 class="visually-hidden">How Ledgerbell is</h1>
    ${tiles(now, coverage)}
    ${holes(coverage, find)}
    ${trail.view()}
    ${now === null ? nothing : html`${latency(now, points)}
      <div class="tables"><div class="stack">${lanes(now)}${gateways(now)}</div>${services(now)}</div>`}
    ${isAsked ? html`${letters.view(now)}${flags(flagged, find)}` : nothing}`;
}

/** @param {string} what */
function find(what) {
  document.getElementById('trail-heading')?.scrollIntoView({ block: 'center' });
  return trail.find(what);
}

/** @param {import('./live.js').Now | null} latest @param {import('./live.js').Point[]} more @param {boolean} isFirst */
function take(latest, more, isFirst) {
  now = latest ?? now;
  points = (isFirst ? more : [...points, ...more]).filter((point) => now === null || now.at - point.at <= LONGEST_S);
  draw();
}

/** What was asked for, or null where it could not be had. @param {string} path */
async function orNull(path) {
  try {
    return await ask(path);
  } catch (error) {
    if (error instanceof Failed) return null;
    throw error;
  }
}

async function keepAsking() {
  for (;;) {
    if (document.hidden) await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));
    const [covered, activity] = await Promise.all([orNull('/v1/coverage'), orNull('/v1/activity?limit=8'), letters.load()]);
    coverage = covered;
    flagged = activity && activity.items;
    isAsked = true;
    draw();
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

/** @param {string} problem */
function askForToken(problem) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    signIn(String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('token')).trim());
    location.reload();
  };
  render(
    html`<form class="card" novalidate @submit=${submit}>
      <h1>For operators</h1>
      <p class="quiet" id="token-hint">An access token with the role operator. It stays in this tab.</p>
      <div class="field"><label for="token">Access token</label>
        <textarea id="token" name="token" rows="4" required autocomplete="off" spellcheck="false" autocapitalize="off" aria-describedby="token-hint"></textarea></div>
      <p class="complaint" role="alert">${problem}</p>
      <button class="primary" type="submit">Open</button>
    </form>`,
    main,
  );
  document.getElementById('token')?.focus();
}

/** @param {unknown} error */
function ended(error) {
  if (!(error instanceof SignedOut)) throw error;
  signOut();
  // A fresh page holds nothing of what was shown.
  sessionStorage.setItem('ledgerbell.operator.over', 'yes');
  location.reload();
}

async function open() {
  const say = (/** @type {string} */ words) => (status.textContent = words);
  say('Connecting');
  try {
    await ask('/v1/dead-letters/notifier?limit=1');
  } catch (error) {
    if (error instanceof SignedOut) return ended(error);
    if (/** @type {Failed} */ (error).status === 403) {
      signOut();
      say('');
      return askForToken('That token is not an operator’s.');
    }
    // Who cannot be asked now is asked again below.
  }
  leave.hidden = false;
  draw();
  return Promise.all([watch(take, say), keepAsking()]).catch(ended);
}

leave.addEventListener('click', () => {
  signOut();
  location.reload();
});
// A click's own failure to be signed in.
addEventListener('unhandledrejection', (event) => {
  if (!(event.reason instanceof SignedOut)) return;
  event.preventDefault();
  ended(event.reason);
});
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#token=')) location.reload();
});
const wasOver = sessionStorage.getItem('ledgerbell.operator.over') !== null;
sessionStorage.removeItem('ledgerbell.operator.over');
if (isSignedIn()) open();
else askForToken(wasOver ? 'You have been signed out: the token has ended, or is none.' : '');
