/** One key for each thing the user wants done, kept until it is known what became of it: a repetition moves nothing twice. */

import { Refused, Unreachable } from '/sdk/v1/errors.js';

export class Intent {
  #api;
  /** @type {Map<string, string>} keys by what was asked for */
  #open = new Map();

  /** @param {import('/sdk/v1/api.js').Api} api */
  constructor(api) {
    this.#api = api;
  }

  /**
   * The answer. Throws ApiError; where that leaves the outcome open, the same path and body go out under the same key
   * the next time.
   * @param {string} path @param {object} body
   */
  async send(path, body = {}) {
    const wish = JSON.stringify([path, body]);
    const key = this.#open.get(wish) ?? newKey();
    this.#open.set(wish, key);
    try {
      const answer = await this.#api.ask(path, body, key);
      this.#open.delete(wish);
      return answer;
    } catch (error) {
      if (!leavesOpen(error)) this.#open.delete(wish);
      throw error;
    }
  }
}

/** Whether it may have been done all the same, or may be done yet. @param {unknown} error */
export function leavesOpen(error) {
  if (error instanceof Unreachable) return true;
  return error instanceof Refused && (error.status >= 500 || error.problem.code === 'idempotency_key_in_flight');
}

/** `crypto.randomUUID` is missing where the page is served without https. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
