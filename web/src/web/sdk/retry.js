/** When to try again after a socket has gone, and when not to. */

import { Stopped } from './errors.js';

const FIRST_MS = 500;
// A restart takes seconds: the first tries come a second or so after each other.
const EAGER_TRIES = 9;
const EAGER_MS = 2_000;
const LONGEST_MS = 30_000;
const CALM_MS = 30_000;

/** @type {Record<number, string>} */
const STOPS = { 1009: 'too_large', 4500: 'protocol', 4501: 'not_authorised', 4503: 'origin_refused' };

/** Full jitter, so that a thousand browsers that lost one gateway do not all come back in the same moment. */
export class Backoff {
  #tries = 0;

  next() {
    const eager = Math.min(EAGER_MS, FIRST_MS * 2 ** this.#tries);
    const patient = FIRST_MS * 2 ** (this.#tries++ - EAGER_TRIES);
    return Math.random() * Math.min(LONGEST_MS, Math.max(eager, patient));
  }

  /** @param {number} liveMs how long the socket that is now gone had been live */
  settle(liveMs) {
    if (liveMs >= CALM_MS) this.#tries = 0;
  }
}

/**
 * The least time to wait in milliseconds, as the close code and its reason ask. Throws Stopped when trying again is
 * pointless.
 * @param {number} code @param {string} reason
 */
export function waitAfter(code, reason) {
  if (STOPS[code] || (code >= 4500 && code <= 4999)) throw new Stopped(`the gateway closed with ${code} ${reason}`, STOPS[code] ?? 'refused');
  return Number(/retry_ms"?\s*[:=]\s*(\d+)/.exec(reason)?.[1] ?? 0);
}
