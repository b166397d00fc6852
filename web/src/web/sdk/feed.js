/** What this tab knows of its user: frames go in, in any order and any number of times, and one true picture comes out. */

import { Items } from './items.js';

const KEPT = 200;

/** @typedef {import('./types.js').Notification} Notification */
/** @typedef {import('./types.js').Balance} Balance */
/** @typedef {import('./types.js').Frame} Frame */
/** @typedef {import('./types.js').Counts} Counts */

/**
 * @typedef {'new' | 'known' | 'gap' | 'reset' | 'unclear' | 'moved' | 'other'} Outcome
 *   `new`: a notification not seen before; `gap`: something was missed; `reset`: the stream was rebuilt;
 *   `unclear`: something was read, but not said what; `moved`: a balance is another
 */

export class Feed {
  #epoch = 0;
  #lastSeq = 0;
  #readSeq = 0;
  #unread = 0;
  #rev = -1;
  /** Taken since the last count, each of which moved the revision by one. */
  #uncounted = 0;
  /** Revisions that were counted before what they stand for came: late by a moment, or lost. @type {Set<number>} */
  #owed = new Set();
  #items = new Items((item) => this.looksRead(item));
  /** Everything that shows notifications, and so has to hear of readings. */
  #shelves = new Set([this.#items]);
  /** @type {Map<string, Balance>} */
  #balances = new Map();
  // Reads that were asked for but not yet confirmed: shown at once, taken back if the server refuses.
  /** @type {Map<string, number>} */
  #hopedReads = new Map();
  #hopedUpTo = 0;

  /** @returns {string | null} null until a history was loaded */
  get cursor() {
    return this.#epoch === 0 ? null : `${this.#epoch}:${this.#lastSeq}`;
  }

  get lastSeq() {
    return this.#lastSeq;
  }

  get items() {
    return this.#items;
  }

  get unread() {
    if (this.#hopedUpTo > 0) return this.#items.shown.filter((item) => item.seq > this.#hopedUpTo && !item.read).length;
    return Math.max(0, this.#unread - this.#hopedReads.size);
  }

  /** The newest revision that was counted but has not come; 0 where there is none. */
  get owed() {
    return Math.max(0, ...this.#owed);
  }

  /** @returns {readonly Balance[]} */
  get balances() {
    return Object.freeze([...this.#balances.values()].sort((a, b) => (a.currency < b.currency ? -1 : 1)));
  }

  /** How everything but the notifications stands, as the frame that ends a replay would say it. @returns {Frame} */
  get standing() {
    const counts = { unread: this.#unread, rev: this.#rev, read_seq: this.#readSeq };
    return { type: 'live', as_of: this.cursor, balances: [...this.#balances.values()], ...counts };
  }

  /** Another place where notifications are shown. */
  shelf() {
    const items = new Items((item) => this.looksRead(item));
    this.#shelves.add(items);
    return items;
  }

  /** @param {Items} items */
  removeShelf(items) {
    this.#shelves.delete(items);
  }

  /** Wherever it is shown. @param {string} id */
  byId(id) {
    for (const shelf of this.#shelves) {
      const item = shelf.byId(id);
      if (item) return item;
    }
    return undefined;
  }

  /** Start from a page of history and what was true then. @param {import('./types.js').Page} page */
  begin(page) {
    this.#forget();
    [this.#epoch, this.#lastSeq] = parseCursor(page.as_of);
    for (const item of page.items) this.#items.put(item);
    this.#rev = page.rev ?? -1;
    this.#unread = page.unread ?? 0;
    this.takeReads(page);
  }

  /** A page that was read again: what is known may have been read meanwhile. @param {import('./types.js').Page} page */
  merge(page) {
    const oldest = this.#items.oldest?.seq ?? 0;
    // Newer ones are left to the stream, which alone moves the cursor.
    for (const item of page.items) if (item.seq <= this.#lastSeq && item.seq >= oldest) this.#items.put(item);
    this.takeReads({ ...page, ids: page.items.filter(({ read }) => read).map(({ id }) => id) });
  }

  /** Everything that was read up to this revision is known. @param {number} rev */
  settle(rev) {
    for (const owed of this.#owed) if (owed <= rev) this.#owed.delete(owed);
  }

  /** @param {Frame} frame @returns {Outcome} */
  apply(frame) {
    if (frame.type === 'notification') return this.#notification(frame);
    if (frame.type === 'balance') return this.#balance(frame) ? 'moved' : 'other';
    if (frame.type === 'read') return this.#reading(frame);
    if (frame.type === 'live') return this.#live(frame);
    if (frame.type === 'doubt') return [...this.#owed].some((rev) => rev <= frame.rev) ? 'unclear' : 'other';
    return frame.type === 'reset' ? 'reset' : 'other';
  }

  /** Show it as read; whether that changes anything. @param {Notification} item */
  hopeRead(item) {
    if (item.read || this.looksRead(item)) return false;
    this.#hopedReads.set(item.id, item.seq);
    this.#stale();
    return true;
  }

  /** @param {number} seq */
  hopeReadUpTo(seq) {
    this.#hopedUpTo = seq;
    this.#stale();
  }

  /** @param {string} id */
  dropHope(id) {
    this.#hopedReads.delete(id);
    this.#stale();
  }

  dropHopeUpTo() {
    this.#hopedUpTo = 0;
    this.#stale();
  }

  /** @param {Notification} item */
  looksRead({ id, seq }) {
    return seq <= this.#readSeq || seq <= this.#hopedUpTo || this.#hopedReads.has(id);
  }

  /** By now, whatever it was when it came. @param {Notification} item */
  isRead(item) {
    return this.looksRead(item) || (this.byId(item.id) ?? item).read;
  }

  /** Reading is never undone, so what is read only grows and late news does no harm. @param {Counts} counts */
  takeReads({ ids = [], read_seq: readSeq, unread, rev }) {
    this.#readSeq = Math.max(this.#readSeq, readSeq ?? 0);
    const read = new Set(ids);
    for (const shelf of this.#shelves) shelf.markRead(read);
    for (const [id, seq] of this.#hopedReads) if (read.has(id) || seq <= this.#readSeq) this.#hopedReads.delete(id);
    if (this.#readSeq >= this.#hopedUpTo) this.#hopedUpTo = 0;
    this.#takeCount(unread, rev);
  }

  /** Forget the stream, but not the balances: they have versions of their own and belong to no epoch. */
  #forget() {
    this.#readSeq = 0;
    this.#unread = 0;
    this.#rev = -1;
    this.#uncounted = 0;
    this.#owed.clear();
    this.#hopedUpTo = 0;
    this.#hopedReads.clear();
    this.#items.clear();
  }

  /** @param {Frame} frame @returns {Outcome} */
  #notification({ type: _type, unread, rev, ...item }) {
    if (item.seq > this.#lastSeq + 1) return 'gap';
    if (item.seq <= this.#lastSeq) {
      this.#takeOwnCount(unread, rev);
      return 'known';
    }
    this.#lastSeq = item.seq;
    this.#items.put(/** @type {Notification} */ (item));
    this.#items.keep(KEPT);
    if (rev === undefined) this.#uncounted += 1;
    this.#takeOwnCount(unread, rev);
    return 'new';
  }

  /** @param {Frame} frame @returns {Outcome} */
  #reading(frame) {
    const says = frame.ids?.length > 0 || frame.read_seq > this.#readSeq;
    const unclear = !says && frame.rev > this.#rev;
    if (says) this.#takeOwnCount(frame.unread, frame.rev);
    this.takeReads(/** @type {Counts} */ (frame));
    return unclear ? 'unclear' : 'other';
  }

  /** @param {Frame} frame */
  #balance({ type: _type, ...balance }) {
    const last = this.#balances.get(balance.currency);
    if (last && balance.version <= last.version) return false;
    this.#balances.set(balance.currency, Object.freeze(/** @type {Balance} */ (/** @type {unknown} */ (balance))));
    return true;
  }

  /** @param {Frame} frame @returns {Outcome} */
  #live({ as_of, balances, ...counts }) {
    for (const balance of balances ?? []) this.#balance(balance);
    const [epoch, seq] = parseCursor(as_of);
    if (epoch !== this.#epoch) return epoch > this.#epoch ? 'reset' : 'other';
    if (seq > this.#lastSeq) return 'gap';
    // Notifications are replayed, readings are not: a revision we cannot account for means some were missed.
    const unclear = counts.rev > this.#rev + this.#uncounted;
    this.takeReads(/** @type {Counts} */ (counts));
    return unclear ? 'unclear' : 'other';
  }

  /** Of what makes that revision. @param {number | undefined} unread @param {number | undefined} rev */
  #takeOwnCount(unread, rev) {
    this.#takeCount(unread, rev);
    if (rev !== undefined) this.#owed.delete(rev);
  }

  /** @param {number | undefined} unread @param {number | undefined} rev */
  #takeCount(unread, rev) {
    if (unread === undefined || rev === undefined || rev <= this.#rev) return;
    for (let owed = this.#rev + this.#uncounted + 1; owed <= rev; owed++) this.#owed.add(owed);
    this.#rev = rev;
    this.#unread = unread;
    this.#uncounted = 0;
  }

  #stale() {
    for (const shelf of this.#shelves) shelf.stale();
  }
}

/** @param {string} text `EPOCH:SEQ` @returns {[number, number]} */
function parseCursor(text) {
  const [epoch, seq] = text.split(':').map(Number);
  return [epoch, seq];
}
