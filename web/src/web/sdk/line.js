/** The line to the gateway: a socket, resumed whenever it goes, or polling where none can be had; the same frames. */

import { Connection } from './connection.js';
import { isPassing, Refused } from './errors.js';
import { isHidden } from './page.js';
import { Backoff, waitAfter } from './retry.js';

const TRIES_BEFORE_POLLING = 3;
const SOCKET_AGAIN_MS = 60_000;
const LONG_SILENCE_MS = 30_000;
const WAIT_SECONDS = 25;
const POLL_SECONDS = 5;
// A browser whose clock is ahead must not renew in a tight circle.
const SOONEST_RENEWAL_MS = 5_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @typedef {import('./types.js').Frame} Frame */

/**
 * @typedef {object} Ends what the line is told and tells
 * @property {() => string | null} cursor after which it goes on
 * @property {(frames: Frame[]) => Promise<void>} take resolves once they are taken; `reset` is one of them where the
 *   history has to be loaded afresh
 * @property {(status: 'connecting' | 'online' | 'reconnecting', polling: boolean) => void} became
 * @property {(error: Error) => void} failed for good
 * @property {(message: string) => void} said something went wrong, in the gateway's words
 */

/** @typedef {{connection: Connection, live: boolean, liveAt: number, endsAt: number, renewal?: ReturnType<typeof setTimeout>}} Session */

export class Line {
  #api;
  #token;
  #ends;
  #backoff = new Backoff();
  #failedTries = 0;
  #polling = false;
  /** @type {Session | null} the socket in use */
  #session = null;
  #stopped = new AbortController();
  /** @type {AbortController | null} */
  #poll = null;
  #wake = () => {};

  /** @param {import('./api.js').Api} api @param {import('./token.js').Token} token @param {Ends} ends */
  constructor(api, token, ends) {
    this.#api = api;
    this.#token = token;
    this.#ends = ends;
  }

  async run() {
    while (!this.#over) {
      try {
        const waitMs = await this.#listenOnce();
        if (this.#failedTries >= TRIES_BEFORE_POLLING) await this.#pollFor(SOCKET_AGAIN_MS);
        else await this.#pause(waitMs + this.#backoff.next());
      } catch (error) {
        if (!this.#over) this.#ends.failed(/** @type {Error} */ (error));
        return;
      }
    }
  }

  stop() {
    this.#stopped.abort();
    this.#poll?.abort();
    clearTimeout(this.#session?.renewal);
    this.#session?.connection.close();
    this.#wake();
  }

  /** What is known has a hole that could not be mended: hear it again from the cursor. */
  restart() {
    this.#session?.connection.close(4000, 'again');
  }

  /** @param {Frame} frame */
  send(frame) {
    if (this.#session?.live) this.#session.connection.send(frame);
    return this.#session?.live ?? false;
  }

  /** The network is back, or somebody is looking: do now what was put off. @param {boolean} doubtful whether a socket can be trusted */
  hurry(doubtful) {
    this.#wake();
    const session = this.#session;
    if (!session?.live) return;
    session.connection.check();
    if (doubtful || session.connection.silentMs > LONG_SILENCE_MS) this.#prove(session);
  }

  get #over() {
    return this.#stopped.signal.aborted;
  }

  /** One try from ticket to close. @returns {Promise<number>} milliseconds the gateway asked us to wait at least */
  async #listenOnce() {
    try {
      const { ticket } = await this.#api.ticket();
      return this.#over ? 0 : await this.#listen(ticket);
    } catch (error) {
      if (!isPassing(error)) throw error;
      // Only an answer says that polling could do better than the socket; where nothing answers, nothing would.
      if (error instanceof Refused) this.#failedTries += 1;
      if (!this.#polling) this.#ends.became('reconnecting', false);
      return 0;
    }
  }

  /** @param {string} ticket */
  async #listen(ticket) {
    const hello = { type: 'hello', ticket, cursor: this.#ends.cursor() };
    const connection = new Connection(this.#api.socketUrl, hello, (frames) => this.#receive(session, frames));
    /** @type {Session} */
    const session = { connection, live: false, liveAt: 0, endsAt: 0 };
    this.#session = session;
    const { code, reason } = await connection.closed;
    this.#session = null;
    clearTimeout(session.renewal);
    if (session.live) this.#backoff.settle(Date.now() - session.liveAt);
    else this.#failedTries += 1;
    const waitMs = waitAfter(code, reason);
    if (session.live && !this.#over) this.#ends.became('reconnecting', false);
    return waitMs;
  }

  /** @param {Session} session @param {Frame[]} frames */
  #receive(session, frames) {
    const [first] = frames;
    if (first.type === 'welcome') this.#welcomed(session, first);
    else if (first.type === 'error') this.#ends.said(`${first.message} (${first.ref ?? first.code})`);
    else {
      this.#ends.take(frames);
      if (!session.live && frames.some(({ type }) => type === 'live')) this.#nowLive(session);
    }
  }

  /** @param {Session} session @param {Frame} welcome */
  #welcomed(session, { resume, expires_at: endsAt }) {
    const renewed = session.endsAt !== 0;
    // A token that ends no later than before cannot be stretched by asking again.
    if (endsAt > session.endsAt) this.#planRenewal(session, endsAt);
    if (resume === 'reset' && !renewed) this.#ends.take([{ type: 'reset' }]);
  }

  /** @param {Session} session */
  #nowLive(session) {
    session.live = true;
    session.liveAt = Date.now();
    this.#failedTries = 0;
    this.#polling = false;
    this.#ends.became('online', false);
  }

  /** The socket ends with its token; a new hello in good time keeps it open. @param {Session} session @param {number} endsAt */
  #planRenewal(session, endsAt) {
    session.endsAt = endsAt;
    clearTimeout(session.renewal);
    const leftMs = Math.max(0, endsAt * 1000 - Date.now());
    const inMs = Math.min(Math.max(leftMs * 0.8, SOONEST_RENEWAL_MS), LONGEST_TIMER_MS);
    session.renewal = setTimeout(() => this.#renew(session), inMs);
  }

  /** @param {Session} session */
  async #renew(session) {
    // Left undone, the socket will be closed with 4401, and the loop then finds out why.
    if (await this.#try(() => this.#token.fresh())) await this.#greet(session);
  }

  /** Whoever is greeted welcomes at once. @param {Session} session */
  async #prove(session) {
    if (await this.#greet(session)) session.connection.expectSoon();
    else session.connection.close(4000, 'unreachable');
  }

  /** @param {Session} session */
  async #greet(session) {
    const ticket = await this.#try(async () => (await this.#api.ticket()).ticket);
    if (ticket) session.connection.send({ type: 'hello', ticket, cursor: this.#ends.cursor() });
    return Boolean(ticket);
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T | null>} null where it did not work this time */
  async #try(work) {
    try {
      return await work();
    } catch (error) {
      // Whoever has signed out, or is another user by now, is told nothing more.
      if (!isPassing(error)) this.#ends.failed(/** @type {Error} */ (error));
      return null;
    }
  }

  // ------------------------------------------------------------------ polling

  /** Comes back when the socket is worth another try. @param {number} durationMs */
  async #pollFor(durationMs) {
    const until = Date.now() + durationMs;
    /** @type {string | null} */
    let etag = null;
    while (!this.#over && Date.now() < until) {
      const began = Date.now();
      const first = !this.#polling;
      try {
        const polled = await this.#pollOnce(etag, Math.min(WAIT_SECONDS, Math.ceil((until - began) / 1000)));
        etag = polled.etag;
        if (first && !isHidden()) continue;
        const intervalMs = (polled.intervalSeconds ?? POLL_SECONDS) * 1000 * (isHidden() ? 2 : 1);
        await this.#pause(began + intervalMs - Date.now());
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (this.#over) return;
        // Polling is no better than the socket now, so back to the socket and its patience.
        this.#failedTries = 0;
        this.#polling = false;
        this.#ends.became('reconnecting', false);
        return;
      }
    }
  }

  /** The first one is not held: it tells at once what was missed. @param {string | null} etag @param {number} waitSeconds */
  async #pollOnce(etag, waitSeconds) {
    const hold = this.#polling && !isHidden();
    this.#poll = new AbortController();
    const cursor = /** @type {string} */ (this.#ends.cursor());
    const polled = await this.#api.stream(cursor, etag, hold ? waitSeconds : 0, this.#poll.signal);
    if (polled.answer?.reset) await this.#ends.take([{ type: 'reset' }]);
    else if (polled.answer) await this.#ends.take(polled.answer.frames);
    if (!this.#polling) this.#ends.became('online', true);
    this.#polling = true;
    return polled;
  }

  /** @param {number} ms */
  async #pause(ms) {
    if (ms <= 0 || this.#over) return;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(null);
      };
    });
  }
}
