/** Keeps one user's notifications, unread count and balances true in this tab, together with the browser's other tabs. */

import { Api } from './api.js';
import { ApiError, isPassing, Stopped, Unauthorised, Unreachable } from './errors.js';
import { Feed } from './feed.js';
import { Intake } from './intake.js';
import { Line } from './line.js';
import { Listing } from './listing.js';
import { follow, isHidden } from './page.js';
import { Popups } from './popups.js';
import { Receipts } from './receipts.js';
import { Backoff } from './retry.js';
import { Tabs } from './tabs.js';
import { Token } from './token.js';

// Three questions without an answer, and the tab that has the line is taken to be stuck.
const ASK_EVERY_MS = 800;
const UNANSWERED = 3;

/** @typedef {import('./types.js').State} State */

/**
 * One user of one gateway.
 *
 * Events: `change` (look at `state`); `notification` (detail: one that is new to this tab, in order, each once);
 * `toast` (detail: one to pop up, in one tab of the browser only); `toasts-moved` (another tab pops up from now on:
 * `detail.take(seqs)` hands it what still stands here); `balance` (detail: a balance that moved); `status` (detail:
 * status and transport); `error` (detail: code and message, of a command that failed or of why it is refused);
 * `reset` (what was known is forgotten, the history was read anew).
 */
export class LedgerbellClient extends EventTarget {
  /** The gateway's HTTP side with this user's token: `get(path)`, `ask(path, body, key)`; both throw ApiError. */
  api;
  locale;
  #base;
  #token;
  #feed = new Feed();
  #intake;
  #receipts = new Receipts((seq) => this.#acknowledge(seq));
  #popups = new Popups((item) => this.#feed.isRead(item) || this.#emit('toast', item), (seq) => this.#tabs?.tell({ type: 'popped', seq }));
  /** @type {Line | null} what this tab has while it leads */
  #line = null;
  /** @type {Tabs | null} */
  #tabs = null;
  /** @type {import('./types.js').Status} */
  #status = 'idle';
  #polling = false;
  #open = false;
  /** @type {import('./types.js').Problem | null} */
  #problem = null;
  /** @type {State | null} */
  #state = null;
  #unanswered = 0;
  #stopped = new AbortController();
  #wake = () => {};

  /**
   * @param {object} options
   * @param {string} [options.base] origin of the gateway; where this file came from, if it is left out
   * @param {import('./token.js').GetToken} options.getToken the user's access token, asked for again when it is over
   * @param {string} [options.locale] of what is shown, such as `de`
   */
  constructor({ base = new URL(import.meta.url).origin, getToken, locale }) {
    super();
    this.#base = base;
    this.#token = new Token(getToken);
    this.api = new Api(base, this.#token);
    this.locale = locale;
    this.#intake = new Intake(this.api, this.#feed, {
      arrived: (item) => {
        this.#emit('notification', item);
        this.#popups.arrived(item);
      },
      moved: (balance) => this.#emit('balance', balance),
      reset: () => this.#emit('reset', null),
      changed: () => this.#changed(),
      failed: (error) => this.#missed(error),
    });
  }

  /** Everything there is to show, as of now. @returns {State} */
  get state() {
    this.#state ??= Object.freeze({
      status: this.#status === 'reconnecting' && globalThis.navigator?.onLine === false ? 'offline' : this.#status,
      transport: this.#transport,
      polling: this.#polling,
      leader: this.#line !== null,
      loaded: this.#intake.open,
      problem: this.#problem,
      unread: this.#feed.unread,
      cursor: this.#feed.cursor,
      items: this.#feed.items.shown,
      balances: this.#feed.balances,
    });
    return this.#state;
  }

  /** Begin. A client is started once, and is of no use after `stop`. */
  async start() {
    this.#become('connecting', false);
    this.#followThePage();
    try {
      // Heard first and held, then read: the other way round loses what happens in between.
      await this.#loadUntilDone();
      if (this.#over) return;
      this.#takePart();
      this.#keepAsking();
    } catch (error) {
      this.#giveUp(error);
    }
  }

  stop() {
    this.#stopped.abort();
    this.#receipts.stop();
    this.#intake.stop();
    this.#tabs?.close();
    this.#wake();
    this.#become('idle', false);
  }

  /** Mark as read: shown at once, taken back when the gateway refuses. @param {string[]} ids */
  async markRead(ids) {
    await Promise.all(ids.map((id) => this.#markOne(id)));
  }

  /** Everything up to the newest this tab knows of. */
  async markAllRead() {
    const seq = this.#feed.lastSeq;
    this.#feed.hopeReadUpTo(seq);
    this.#changed();
    try {
      this.#confirmRead({ read_seq: seq, ...(await this.api.readUpTo(seq)) });
    } catch (error) {
      this.#feed.dropHopeUpTo();
      this.#readFailed(error);
    }
  }

  /** A list of its own, which stays true until it is closed. @param {import('./types.js').Filter} [filter] */
  list(filter = {}) {
    return new Listing(this, this.api, this.#feed, filter);
  }

  /** Balances that were asked for over HTTP, of an account that nothing has moved yet. @param {object[]} accounts */
  learn(accounts) {
    for (const account of accounts) this.#feed.apply({ ...account, type: 'balance' });
    this.#changed();
  }

  /** Tell the gateway what a person could see by now: the newest only, and at most once a second. @param {number} seq */
  shown(seq) {
    this.#receipts.shown(seq);
  }

  // ------------------------------------------------------------------ among the tabs

  #join() {
    const key = this.#token.user === null ? null : `${this.#base} ${this.#token.user}`;
    this.#tabs = new Tabs(key, {
      heard: (message) => this.#heard(message),
      leads: (held) => (held ? this.#lead() : this.#follow()),
      toasts: (held) => this.#toasts(held),
    });
  }

  #takePart() {
    this.#tabs?.leader.wait();
    // Not both: Chromium never settles a request that is taken back in the moment it was made, where a steal follows.
    this.#tabs?.toaster[isHidden() ? 'wait' : 'seize']();
    this.#tabs?.tell({ type: 'ask' });
  }

  #lead() {
    if (this.#over) return;
    const line = new Line(this.api, this.#token, {
      cursor: () => this.#feed.cursor,
      take: (frames) => {
        if (this.#line !== line) return Promise.resolve();
        this.#tabs?.tell({ type: 'frames', frames });
        return this.#intake.take(frames);
      },
      became: (status, polling) => this.#line === line && this.#become(status, polling, status === 'online'),
      failed: (error) => this.#line === line && this.#giveUp(error),
      said: (message) => this.#emit('error', { code: 'gateway', message }),
    });
    this.#line = line;
    this.#changed();
    line.run();
  }

  #follow() {
    this.#line?.stop();
    this.#line = null;
    this.#open = false;
    this.#unanswered = 0;
    this.#changed();
  }

  /** @param {import('./tabs.js').Message} message */
  #heard(message) {
    if (message.type === 'frames' && !this.#line) this.#intake.take(message.frames);
    else if (message.type === 'read') this.#intake.take([message.frame]);
    else if (message.type === 'ask' && this.#line) this.#tellStanding();
    else if (message.type === 'standing' && !this.#line && this.#intake.open) this.#heardStanding(message);
    else if (message.type === 'shown') this.shown(message.seq);
    else if (message.type === 'popped') this.#popups.popped(message.seq);
    else if (message.type === 'toasts') this.#popups.handed(this.#feed.items.shown.filter(({ seq }) => message.seqs.includes(seq)));
  }

  #tellStanding() {
    const [status, polling, live] = [this.#status, this.#polling, this.#feed.standing];
    this.#tabs?.tell({ type: 'standing', status, polling, live, hidden: isHidden() });
  }

  /** @param {import('./tabs.js').Message} standing */
  #heardStanding({ status, polling, live, hidden }) {
    this.#unanswered = 0;
    if (JSON.stringify(live) !== JSON.stringify(this.#feed.standing)) this.#intake.take([live]);
    this.#become(status, polling);
    // Where nobody looks a browser lets timers wait for minutes: what is tried again is tried here.
    if (hidden && !isHidden() && (status !== 'online' || polling)) this.#tabs?.leader.seize();
  }

  /** A tab that is looked at does not wait for one that is stuck. */
  async #keepAsking() {
    while (!this.#over) {
      await this.#pause(ASK_EVERY_MS * (0.9 + 0.2 * Math.random()));
      if (this.#line || isHidden()) this.#unanswered = 0;
      else if (this.#unanswered >= UNANSWERED) {
        this.#unanswered = 0;
        this.#tabs?.leader.seize();
      } else {
        this.#unanswered += 1;
        this.#tabs?.tell({ type: 'ask' });
      }
    }
  }

  /** @param {boolean} held */
  #toasts(held) {
    this.#popups.held(held);
    if (!held) this.#emit('toasts-moved', { take: (/** @type {number[]} */ seqs) => this.#tabs?.tell({ type: 'toasts', seqs }) });
  }

  // ------------------------------------------------------------------ what comes

  /** @param {unknown} error */
  #missed(error) {
    if (error instanceof Unauthorised || !(error instanceof ApiError)) this.#giveUp(error);
    // The line says it all again; who follows asks, and finds out from the answer.
    else this.#line?.restart();
  }

  async #loadUntilDone() {
    for (const backoff = new Backoff(); !this.#over && !this.#intake.open; ) {
      try {
        await this.#token.current();
        if (!this.#tabs) this.#join();
        await this.#intake.begin();
      } catch (error) {
        if (!isPassing(error)) throw error;
        await this.#explain(error);
        this.#become('reconnecting', false);
        await this.#pause(backoff.next());
      }
    }
  }

  /** A browser does not tell a page that is refused from one that reaches nothing; the gateway does. @param {unknown} error */
  async #explain(error) {
    if (!(error instanceof Unreachable) || !(await this.api.originRefused())) return;
    const said = `${globalThis.location?.origin} is not on the list of origins of ${this.#base} (LEDGERBELL_ALLOWED_ORIGINS)`;
    throw new Stopped(said, 'origin_refused');
  }

  // ------------------------------------------------------------------ commands

  /** @param {string} id */
  async #markOne(id) {
    const item = this.#feed.byId(id);
    if (!item || !this.#feed.hopeRead(item)) return;
    this.#changed();
    try {
      this.#confirmRead({ ids: [id], ...(await this.api.read(id)) });
    } catch (error) {
      this.#feed.dropHope(id);
      this.#readFailed(error);
    }
  }

  /** @param {import('./types.js').Counts} answer */
  #confirmRead(answer) {
    const frame = { ...answer, type: 'read' };
    this.#tabs?.tell({ type: 'read', frame });
    this.#intake.take([frame]);
  }

  /** @param {unknown} error */
  #readFailed(error) {
    this.#changed();
    if (!isPassing(error)) this.#giveUp(error);
    else this.#emit('error', { code: 'read_failed', message: `not marked as read: ${error.message}` });
  }

  /** @param {number} seq */
  #acknowledge(seq) {
    if (this.#line) return this.#line.send({ type: 'ack', seq });
    this.#tabs?.tell({ type: 'shown', seq });
    return this.#intake.open;
  }

  // ------------------------------------------------------------------ the page

  #followThePage() {
    follow(this.#stopped.signal, {
      hurry: (network) => this.#hurry(network),
      noticed: () => this.#noticed(),
      offline: () => this.#changed(),
      // A page that is put away must not keep the line from the others; one that is taken out again begins anew.
      putAway: () => this.#tabs?.close(),
      takenOut: () => this.#comeBack(),
    });
  }

  #comeBack() {
    if (this.#tabs) this.#join();
    if (this.#intake.open) this.#takePart();
  }

  /** Somebody looks at this tab: what pops up, pops up here. */
  #noticed() {
    if (!isHidden()) this.#tabs?.toaster.seize();
  }

  /** @param {boolean} doubtful */
  #hurry(doubtful) {
    this.#line?.hurry(doubtful);
    this.#wake();
    this.#changed();
  }

  /** @param {number} ms */
  async #pause(ms) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(null);
      };
    });
  }

  // ------------------------------------------------------------------ how it stands

  get #over() {
    return this.#stopped.signal.aborted;
  }

  get #transport() {
    if (this.#status !== 'online') return 'none';
    if (!this.#line) return 'tab';
    if (!this.#open) return 'none';
    return this.#polling ? 'poll' : 'ws';
  }

  /** @param {unknown} error */
  #giveUp(error) {
    if (this.#over) return;
    const { code = 'failed', message } = /** @type {ApiError} */ (error);
    this.#problem = { code, message };
    this.stop();
    this.#become('refused', false);
    this.#emit('error', this.#problem);
    if (!(error instanceof ApiError)) throw error;
    if (!(error instanceof Unauthorised)) console.error(`Ledgerbell: ${message}`);
  }

  /** @param {import('./types.js').Status} status @param {boolean} polling @param {boolean} [open] whether this tab's line is */
  #become(status, polling, open = false) {
    if (status === this.#status && polling === this.#polling && open === this.#open) return;
    this.#status = status;
    this.#polling = polling;
    this.#open = open;
    this.#changed();
    this.#emit('status', { status: this.state.status, transport: this.#transport });
    if (this.#line) this.#tellStanding();
    if (status === 'online') this.#receipts.shown(0, this.#line);
  }

  #changed() {
    this.#state = null;
    this.dispatchEvent(new Event('change'));
  }

  /** @param {string} type @param {unknown} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
