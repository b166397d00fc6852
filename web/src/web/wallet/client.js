/** Keeps one user's feed true over a socket, or by polling where there is none; knows nothing of the document. */

import { Api, ApiError, Refused, Unauthorised } from './api.js';
import { Connection } from './connection.js';
import { Feed } from './feed.js';
import { Backoff, verdict } from './retry.js';

const TRIES_BEFORE_POLLING = 3;
const SOCKET_AGAIN_MS = 60_000;
const POLL_SECONDS = 5;
const ACK_EVERY_MS = 1_000;
// A browser whose clock is ahead must not renew in a tight circle.
const SOONEST_RENEWAL_MS = 5_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Events: `change` (look at `state`), `notification` (`detail` is one that has just happened, never a replayed one),
 * `arrived` (`detail` is one not known before, shown as a toast or not, replayed or not), `problem` (`detail` is a sentence), `unauthorised` (a new token is needed; the client has stopped).
 */
export class LedgerbellClient extends EventTarget {
  #api;
  #feed = new Feed();
  #backoff = new Backoff();
  #status = 'idle';
  #detail = '';
  #transport = 'none';
  #failedTries = 0;
  /** The socket in use, or null. */
  #session = null;
  #older = null;
  #loaded = false;
  #shownSeq = 0;
  #ackedSeq = 0;
  #ackTimer = 0;
  #stopped = false;
  #wake = () => {};
  #abort = new AbortController();

  /** @param {{base: string, token: string}} options */
  constructor({ base, token }) {
    super();
    this.#api = new Api(base, token);
  }

  /** Everything there is to draw, as of now. */
  get state() {
    return Object.freeze({
      status: this.#status === 'reconnecting' && !navigator.onLine ? 'offline' : this.#status,
      detail: this.#detail,
      transport: this.#transport,
      loaded: this.#loaded,
      items: this.#feed.items,
      unread: this.#feed.unread,
      balances: this.#feed.balances,
      hasOlder: this.#older !== null,
    });
  }

  start() {
    const { signal } = this.#abort;
    addEventListener('online', () => this.#hurry(), { signal });
    addEventListener('offline', () => this.#changed(), { signal });
    document.addEventListener('visibilitychange', () => document.hidden || this.#hurry(), { signal });
    this.#run();
  }

  stop() {
    this.#stopped = true;
    this.#abort.abort();
    clearTimeout(this.#ackTimer);
    this.#session?.connection.close();
    this.#wake();
  }

  async markRead(seq) {
    if (!this.#feed.hopeRead(seq)) return;
    this.#changed();
    try {
      this.#confirmRead({ ids: [this.#feed.idOf(seq)], ...(await this.#api.read(this.#feed.idOf(seq))) });
    } catch (error) {
      this.#feed.dropHope(seq);
      this.#commandFailed('That could not be marked as read', error);
    }
  }

  async markAllRead() {
    const seq = this.#feed.lastSeq;
    this.#feed.hopeReadUpTo(seq);
    this.#changed();
    try {
      this.#confirmRead({ read_seq: seq, ...(await this.#api.readUpTo(seq)) });
    } catch (error) {
      this.#feed.dropHopeUpTo();
      this.#commandFailed('They could not be marked as read', error);
    }
  }

  /** Load one more page of history. */
  async more() {
    if (this.#older === null) return;
    try {
      const page = await this.#api.history(this.#older);
      this.#older = page.next ?? null;
      this.#feed.merge(page);
      this.#changed();
    } catch (error) {
      this.#commandFailed('Older notifications could not be loaded', error);
    }
  }

  /** Balances that were asked for over HTTP, of an account that nothing has moved yet. @param {object[]} accounts */
  learn(accounts) {
    for (const account of accounts) this.#feed.apply({ ...account, type: 'balance' });
    this.#changed();
  }

  /** Tell the server what a person could see by now: the newest only, and at most once a second. */
  shown(seq) {
    this.#shownSeq = Math.max(this.#shownSeq, seq);
    this.#ack();
  }

  #ack() {
    if (this.#ackTimer !== 0 || !this.#session?.live || this.#shownSeq <= this.#ackedSeq) return;
    this.#session.connection.send({ type: 'ack', seq: this.#shownSeq });
    this.#ackedSeq = this.#shownSeq;
    this.#ackTimer = setTimeout(() => {
      this.#ackTimer = 0;
      this.#ack();
    }, ACK_EVERY_MS);
  }

  // ------------------------------------------------------------------ the loop

  async #run() {
    this.#become('connecting');
    while (!this.#stopped) {
      try {
        const waitMs = await this.#listenOnce();
        if (this.#stopped) return;
        if (this.#failedTries >= TRIES_BEFORE_POLLING) await this.#pollFor(SOCKET_AGAIN_MS);
        else await this.#pause(waitMs + this.#backoff.next());
      } catch (error) {
        this.#giveUp(error);
      }
    }
  }

  /** One try from ticket to close. @returns {Promise<number>} milliseconds the server asked us to wait at least */
  async #listenOnce() {
    try {
      if (this.#feed.cursor === null) await this.#loadHistory();
      const { ticket } = await this.#api.ticket();
      if (this.#stopped) return 0;
      return await this.#listen(ticket);
    } catch (error) {
      if (error instanceof Unauthorised || !(error instanceof ApiError)) throw error;
      // Only an answer says that polling could do better than the socket; where nothing answers, nothing would.
      if (error instanceof Refused) this.#failedTries += 1;
      if (this.#transport !== 'poll') this.#become(this.#loaded ? 'reconnecting' : 'connecting');
      return 0;
    }
  }

  async #listen(ticket) {
    const session = { live: false, liveAt: 0, held: null, replayed: 0, rev: this.#feed.rev, renewal: 0, endsAt: 0 };
    const hello = { type: 'hello', ticket, cursor: this.#feed.cursor };
    session.connection = new Connection(this.#api.socketUrl, hello, (frame) => this.#receive(session, frame));
    this.#session = session;
    const { code, reason } = await session.connection.closed;
    this.#session = null;
    clearTimeout(session.renewal);
    if (session.live) this.#backoff.settle(Date.now() - session.liveAt);
    else this.#failedTries += 1;
    const { stop, waitMs } = verdict(code, reason);
    if (stop !== null) throw new Stopped(stop);
    if (session.live) this.#become('reconnecting');
    return waitMs;
  }

  #giveUp(error) {
    this.#detail = error.message;
    this.#become('refused');
    this.stop();
    if (error instanceof Unauthorised) this.dispatchEvent(new CustomEvent('unauthorised', { detail: error.message }));
    else if (!(error instanceof Stopped)) throw error;
  }

  // ------------------------------------------------------------------ frames

  #receive(session, frame) {
    if (frame.type === 'welcome') this.#welcomed(session, frame);
    else if (frame.type === 'error') this.#problem(`${frame.message} (${frame.ref ?? frame.code})`);
    else if (session.held !== null) session.held.push(frame);
    else this.#take(session, frame);
  }

  #welcomed(session, { resume, expires_at: endsAt }) {
    const renewed = session.endsAt !== 0;
    // A token that ends no later than before cannot be stretched by asking again.
    if (endsAt > session.endsAt) this.#planRenewal(session, endsAt);
    if (resume === 'reset' && !renewed && !session.live) this.#beginAfresh(session);
  }

  /** Listen first, hold what comes, then read: the other way round loses what happens in between. */
  async #beginAfresh(session) {
    session.held = [];
    try {
      await this.#loadHistory();
    } catch (error) {
      this.#abandon(session, 'no history');
      if (error instanceof ApiError) return;
      throw error;
    }
    session.rev = this.#feed.rev;
    const held = session.held;
    session.held = null;
    for (const frame of held) this.#take(session, frame);
  }

  #take(session, frame) {
    if (this.#session !== session) return;
    const outcome = this.#feed.apply(frame);
    if (outcome === 'reset') this.#feed.forget();
    if (outcome === 'new') this.#arrived(frame);
    if (outcome === 'reset' || outcome === 'gap') this.#abandon(session, outcome);
    else if (outcome === 'new' && session.live) this.#rang(frame);
    else if (outcome === 'new') session.replayed += 1;
    else if (outcome === 'unclear') this.#catchUpReads();
    else if (frame.type === 'live' && !session.live) this.#nowLive(session, frame);
    this.#changed();
  }

  /** What this socket still has to say is not wanted: the next one starts from the cursor. */
  #abandon(session, reason) {
    this.#session = null;
    session.connection.close(4000, reason);
  }

  #nowLive(session, frame) {
    session.live = true;
    session.liveAt = Date.now();
    this.#failedTries = 0;
    this.#transport = 'ws';
    this.#become('online');
    this.#ack();
    // Notifications are replayed, readings are not: a revision we cannot account for means some were missed.
    if (frame.rev !== session.rev + session.replayed) this.#catchUpReads();
  }

  async #catchUpReads() {
    let before = null;
    try {
      do {
        const page = await this.#api.history(before);
        this.#feed.merge(page);
        before = page.items.at(-1)?.seq > this.#feed.oldestSeq ? (page.next ?? null) : null;
      } while (before !== null && !this.#stopped);
      this.#changed();
    } catch (error) {
      // The count is right already; the marks are put right by the next reading or reconnect.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #arrived(frame) {
    this.dispatchEvent(new CustomEvent('arrived', { detail: frame }));
  }

  #rang(frame) {
    if (frame.toast && !frame.read) this.dispatchEvent(new CustomEvent('notification', { detail: frame }));
  }

  /** The socket ends with its token; a new hello in good time keeps it open. */
  #planRenewal(session, endsAt) {
    session.endsAt = endsAt;
    clearTimeout(session.renewal);
    const leftMs = Math.max(0, endsAt * 1000 - Date.now());
    session.renewal = setTimeout(() => this.#renew(session), clamp(leftMs * 0.8, SOONEST_RENEWAL_MS, LONGEST_TIMER_MS));
  }

  async #renew(session) {
    try {
      const { ticket } = await this.#api.ticket();
      session.connection.send({ type: 'hello', ticket, cursor: this.#feed.cursor });
    } catch (error) {
      // The socket will be closed with 4401, and the loop then finds out why.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  // ------------------------------------------------------------------ HTTP

  async #loadHistory() {
    const page = await this.#api.history();
    this.#feed.begin(page);
    this.#older = page.next ?? null;
    this.#loaded = true;
    this.#changed();
  }

  /** The same frames without the socket. Comes back when the socket is worth another try. */
  async #pollFor(durationMs) {
    const until = Date.now() + durationMs;
    let etag = null;
    while (!this.#stopped && Date.now() < until) {
      let seconds = POLL_SECONDS;
      try {
        const polled = await this.#api.stream(this.#feed.cursor, etag);
        etag = polled.etag;
        seconds = polled.intervalSeconds ?? seconds;
        if (polled.answer !== null) await this.#takePolled(polled.answer);
        this.#transport = 'poll';
        this.#detail = String(seconds);
        this.#become('polling');
      } catch (error) {
        if (error instanceof Unauthorised || !(error instanceof ApiError)) throw error;
        // Polling is no better than the socket now, so back to the socket and its patience.
        this.#failedTries = 0;
        this.#become('reconnecting');
        return;
      }
      await this.#pause(Math.min(seconds * 1000 * (document.hidden ? 2 : 1), until - Date.now()));
    }
  }

  async #takePolled({ frames, cursor }) {
    for (const frame of unpacked(frames)) {
      const outcome = this.#feed.apply(frame);
      if (outcome === 'new') this.#arrived(frame);
      // The first answer only tells what was missed while the socket was tried.
      if (outcome === 'new' && this.#transport === 'poll') this.#rang(frame);
      if (outcome === 'gap' || outcome === 'reset') return this.#loadHistory();
    }
    if (cursor !== this.#feed.cursor) await this.#loadHistory();
    this.#changed();
  }

  // ------------------------------------------------------------------ small things

  #confirmRead(answer) {
    this.#feed.apply({ type: 'read', ...answer });
    this.#changed();
  }

  #commandFailed(what, error) {
    this.#changed();
    if (error instanceof Unauthorised || !(error instanceof ApiError)) this.#giveUp(error);
    else this.#problem(`${what}: ${error.message}.`);
  }

  #problem(sentence) {
    this.dispatchEvent(new CustomEvent('problem', { detail: sentence }));
  }

  #become(status) {
    this.#status = status;
    if (status === 'reconnecting') this.#transport = 'none';
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** The network is back, or somebody is looking: do now what was put off. */
  #hurry() {
    this.#session?.connection.check();
    this.#wake();
    this.#changed();
  }

  async #pause(ms) {
    if (ms <= 0) return;
    await new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, ms);
    });
  }
}

/** The server has said that trying again is pointless. */
class Stopped extends Error {}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

function* unpacked(frames) {
  for (const frame of frames) {
    if (frame.type === 'batch') yield* unpacked(frame.frames);
    else yield frame;
  }
}
