/** The operator's token, gone with the tab, and what is asked with it. */

const TOKEN = 'ledgerbell.operator';

/** The token has ended, or was never good: only another one helps. */
export class SignedOut extends Error {}

/** It was refused, or could not be asked; the message says so to a person. */
export class Failed extends Error {
  /** @param {string} said @param {number} status 0: nothing answered */
  constructor(said, status = 0) {
    super(said);
    this.status = status;
  }
}

/** A token in the address leaves it as soon as it is read. @returns {boolean} whether somebody is signed in */
export function isSignedIn() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN) !== null;
}

/** @param {string} token */
export const signIn = (token) => sessionStorage.setItem(TOKEN, token);

export const signOut = () => sessionStorage.removeItem(TOKEN);

/**
 * The answer's JSON. Throws SignedOut and Failed.
 * @param {string} path @param {{post?: object}} [how] `post`: the body of a POST
 * @returns {Promise<any>}
 */
export async function ask(path, { post } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json', Authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` };
  if (post) headers['Content-Type'] = 'application/json';
  const body = post && JSON.stringify(post);
  const how = { method: post ? 'POST' : 'GET', headers, body, cache: /** @type {const} */ ('no-store') };
  const response = await fetch(path, { ...how, signal: AbortSignal.timeout(15_000) }).catch(() => null);
  if (response === null) throw new Failed(`Nothing answered${post ? ': whether it was done is unknown' : ''}. Look again in a moment.`);
  if (response.status === 401) throw new SignedOut();
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Failed(answer?.detail ?? `It was answered with ${response.status}.`, response.status);
  return answer;
}
