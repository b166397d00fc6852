/** The user's access token: asked for when it is needed, kept in memory, asked for anew when it is over. */

import { Unauthorised, Unreachable } from './errors.js';

/** @typedef {() => Promise<string | null | undefined>} GetToken resolves to nothing when nobody is signed in */

export class Token {
  #get;
  /** @type {Promise<string> | null} */
  #current = null;
  /** @type {string | null} */
  #user = null;

  /** @param {GetToken} get */
  constructor(get) {
    this.#get = get;
  }

  /** Whose token it says it is, or null where it does not say; whether that is true is for the server to judge. */
  get user() {
    return this.#user;
  }

  /** @returns {Promise<string>} Throws Unauthorised when there is none, Unreachable when it could not be had. */
  current() {
    this.#current ??= this.#ask();
    return this.#current;
  }

  /** One that is not `over`. @param {string} over */
  async renewed(over) {
    const current = this.#current;
    // Another one may have asked meanwhile.
    if ((await current) === over && this.#current === current) this.#current = null;
    const token = await this.current();
    if (token === over) throw new Unauthorised('the access token has ended or was not accepted');
    return token;
  }

  /** Ask for one even though the last may be good for a while. */
  fresh() {
    this.#current = null;
    return this.current();
  }

  async #ask() {
    try {
      const token = await this.#get().catch(unreachable);
      if (!token) throw new Unauthorised('nobody is signed in');
      this.#keepTo(nameIn(token));
      return token;
    } catch (error) {
      this.#current = null;
      throw error;
    }
  }

  /** What is shown belongs to one user: a token of another one must not add to it. @param {string | null} user */
  #keepTo(user) {
    if (this.#user !== null && user !== this.#user) throw new Unauthorised('somebody else has signed in', 'other_user');
    this.#user = user;
  }
}

/** @param {string} url of the site's own, which answers `{"token": "…"}` to whoever is signed in there @returns {GetToken} */
export const tokenFrom = (url) => async () => {
  const response = await fetch(url, { cache: 'no-store', credentials: 'same-origin', headers: { Accept: 'application/json' } });
  if (response.status === 401 || response.status === 403) return null;
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()).token;
};

/** @param {string} token @returns {string | null} */
export function nameIn(token) {
  try {
    const payload = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub ?? null;
  } catch {
    return null;
  }
}

/** @param {unknown} error @returns {never} */
function unreachable(error) {
  if (error instanceof Unauthorised) throw error;
  throw new Unreachable('the access token could not be had', { cause: error });
}
