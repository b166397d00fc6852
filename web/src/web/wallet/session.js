/** Who is signed in in this tab, and where their access tokens come from; gone with the tab. */

import { nameIn } from '/sdk/v1/token.js';

const TOKEN = 'ledgerbell.token';
const USER = 'ledgerbell.user';
const OVER = 'ledgerbell.over';

/** @typedef {{name: string | null, getToken: import('/sdk/v1/token.js').GetToken}} Session */

/**
 * The tab's, or null where nobody is signed in. A token in the address leaves it as soon as it is read, and signs nobody
 * out: a link must not make somebody pay into another's account.
 * @returns {Session | null}
 */
export function current() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    if (sessionStorage.getItem(TOKEN) === null && sessionStorage.getItem(USER) === null) withToken(given);
    history.replaceState(null, '', location.pathname + location.search);
  }
  const token = sessionStorage.getItem(TOKEN);
  if (token !== null) return { name: nameIn(token), getToken: async () => token };
  const user = sessionStorage.getItem(USER);
  return user === null ? null : { name: user, getToken: () => tokenFor(user) };
}

/** From the next load on. @param {string} token */
export function withToken(token) {
  end();
  sessionStorage.setItem(TOKEN, token);
}

/** From the next load on. @param {string} user of a demo */
export function withName(user) {
  end();
  sessionStorage.setItem(USER, user);
}

/** @param {{over?: boolean}} [how] `over`: by itself, which the next load has to say */
export function end({ over = false } = {}) {
  sessionStorage.removeItem(TOKEN);
  sessionStorage.removeItem(USER);
  if (over) sessionStorage.setItem(OVER, 'yes');
}

/** Whether the last session ended by itself; asked once. */
export function wasOver() {
  const over = sessionStorage.getItem(OVER) !== null;
  sessionStorage.removeItem(OVER);
  return over;
}

/** A new token for a user of a demo, or null where this is none. Throws where nothing answers. @param {string} user */
export async function tokenFor(user) {
  const response = await fetch('/demo/sign-in', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ user }),
    cache: 'no-store',
  });
  if (response.status >= 400 && response.status < 500) return null;
  if (!response.ok) throw new Error(`signing in was answered with ${response.status}`);
  return /** @type {string} */ ((await response.json()).token);
}

/** Whether this is a demo. Throws where nothing answers. */
export async function isDemo() {
  const response = await fetch('/wallet/settings.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`the settings were answered with ${response.status}`);
  return Boolean((await response.json()).demo_sign_in);
}
