/** When to try again after a socket has gone, and when not to. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
const CALM_MS = 30_000;

const STOPS = {
  1009: 'a message was too large',
  4500: 'the server did not understand this page',
  4501: 'this account may not listen',
  4503: 'this address is not allowed to connect',
};

/** Full jitter, so that a thousand tabs that lost one gateway do not all come back in the same moment. */
export class Backoff {
  #tries = 0;

  next() {
    return Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries++);
  }

  /** @param {number} liveMs how long the socket that is now gone had been live */
  settle(liveMs) {
    if (liveMs >= CALM_MS) this.#tries = 0;
  }
}

/**
 * What a close code asks of us: `stop` is a sentence when trying again is pointless, otherwise null;
 * `waitMs` is the least time to wait.
 * @param {number} code @param {string} reason
 */
export function verdict(code, reason) {
  const hint = /retry_ms"?\s*[:=]\s*(\d+)/.exec(reason);
  const waitMs = hint ? Number(hint[1]) : 0;
  const final = code === 1009 || (code >= 4500 && code <= 4999);
  return { stop: final ? `${STOPS[code] ?? (reason || 'the server closed the door')} (${code})` : null, waitMs };
}
