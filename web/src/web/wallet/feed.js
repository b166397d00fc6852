/** What this tab knows of its user: frames go in, in any order and any number of times, and one true picture comes out. */

/**
 * @typedef {object} Notification
 * @property {number} seq
 * @property {string} id
 * @property {string} kind
 * @property {string} lane
 * @property {string} icon
 * @property {string} title
 * @property {string} body
 * @property {string} text
 * @property {string | null} [link]
 * @property {boolean} toast
 * @property {string | null} [amount] signed decimal string
 * @property {string | null} [currency]
 * @property {string} occurred_at
 * @property {boolean} read
 */

/** @typedef {'new' | 'known' | 'gap' | 'reset' | 'unclear' | 'other'} Outcome */

export class Feed {
  #epoch = null;
  #lastSeq = 0;
  #readSeq = 0;
  #unread = 0;
  #rev = -1;
  /** @type {Map<number, Notification>} */
  #items = new Map();
  #balances = new Map();
  // Reads that were asked for but not yet confirmed: shown at once, taken back if the server refuses.
  #hopedReads = new Set();
  #hopedUpTo = 0;

  /** @returns {string | null} null until a history was loaded */
  get cursor() {
    return this.#epoch === null ? null : `${this.#epoch}:${this.#lastSeq}`;
  }

  get rev() {
    return this.#rev;
  }

  get lastSeq() {
    return this.#lastSeq;
  }

  get oldestSeq() {
    return Math.min(...this.#items.keys());
  }

  /** Newest first, each with the read flag a person should see. */
  get items() {
    return [...this.#items.values()]
      .sort((a, b) => b.seq - a.seq)
      .map((item) => ({ ...item, read: this.#looksRead(item) }));
  }

  get unread() {
    if (this.#hopedUpTo > 0) return this.items.filter((item) => !item.read).length;
    return Math.max(0, this.#unread - this.#hopedReads.size);
  }

  get balances() {
    return [...this.#balances.values()].sort((a, b) => (a.currency < b.currency ? -1 : 1));
  }

  /** Forget the stream, but not the balances: they have versions of their own and belong to no epoch. */
  forget() {
    this.#epoch = null;
    this.#lastSeq = 0;
    this.#readSeq = 0;
    this.#unread = 0;
    this.#rev = -1;
    this.#items.clear();
    this.#hopedReads.clear();
    this.#hopedUpTo = 0;
  }

  /** Start from a page of history and the cursor it was true at. */
  begin({ as_of, items, ...counts }) {
    this.forget();
    [this.#epoch, this.#lastSeq] = parseCursor(as_of);
    for (const item of items) this.#items.set(item.seq, item);
    this.#takeReads(counts);
  }

  /** Merge another page: older entries are added, known ones may have been read meanwhile. */
  merge({ items, ...counts }) {
    for (const item of items) {
      const known = this.#items.get(item.seq);
      if (known) known.read ||= item.read;
      // Newer ones are left to the stream, which alone moves the cursor.
      else if (item.seq <= this.#lastSeq) this.#items.set(item.seq, item);
    }
    this.#takeReads(counts);
  }

  /**
   * @returns {Outcome} `new`: not seen before; `gap`: something was missed; `reset`: the stream was rebuilt;
   *   `unclear`: something was read, but not said what
   */
  apply(frame) {
    if (frame.type === 'notification') return this.#notification(frame);
    if (frame.type === 'balance') this.#balance(frame);
    if (frame.type === 'read') return this.#reading(frame);
    if (frame.type === 'live') return this.#live(frame);
    return 'other';
  }

  hopeRead(seq) {
    const item = this.#items.get(seq);
    if (!item || this.#looksRead(item)) return false;
    this.#hopedReads.add(seq);
    return true;
  }

  hopeReadUpTo(seq) {
    this.#hopedUpTo = seq;
  }

  dropHope(seq) {
    this.#hopedReads.delete(seq);
  }

  dropHopeUpTo() {
    this.#hopedUpTo = 0;
  }

  idOf(seq) {
    return this.#items.get(seq)?.id;
  }

  #looksRead(item) {
    return this.#isRead(item) || this.#hopedReads.has(item.seq) || item.seq <= this.#hopedUpTo;
  }

  #isRead(item) {
    return item.read || item.seq <= this.#readSeq;
  }

  #notification({ type: _type, unread, rev, ...item }) {
    if (item.seq > this.#lastSeq + 1) return 'gap';
    this.#takeCount(unread, rev);
    if (item.seq <= this.#lastSeq) return 'known';
    this.#lastSeq = item.seq;
    this.#items.set(item.seq, item);
    return 'new';
  }

  #reading(frame) {
    const unclear = frame.rev > this.#rev && !frame.ids?.length && !(frame.read_seq > this.#readSeq);
    this.#takeReads(frame);
    return unclear ? 'unclear' : 'other';
  }

  #balance({ type: _type, ...balance }) {
    const last = this.#balances.get(balance.currency);
    if (!last || balance.version > last.version) this.#balances.set(balance.currency, balance);
  }

  #live({ as_of, balances, ...counts }) {
    for (const balance of balances ?? []) this.#balance(balance);
    const [epoch, seq] = parseCursor(as_of);
    if (epoch !== this.#epoch) return 'reset';
    this.#takeReads(counts);
    return seq > this.#lastSeq ? 'gap' : 'other';
  }

  /** Reading is never undone, so what is read only grows and late frames do no harm. */
  #takeReads({ ids = [], read_seq = 0, unread, rev }) {
    const read = new Set(ids);
    this.#readSeq = Math.max(this.#readSeq, read_seq ?? 0);
    for (const item of this.#items.values()) {
      if (read.has(item.id)) item.read = true;
      if (this.#isRead(item)) this.#hopedReads.delete(item.seq);
    }
    if (this.#readSeq >= this.#hopedUpTo) this.#hopedUpTo = 0;
    this.#takeCount(unread, rev);
  }

  #takeCount(unread, rev) {
    if (unread === undefined || rev === undefined || rev <= this.#rev) return;
    this.#rev = rev;
    this.#unread = unread;
  }
}

/** @returns {[string, number]} epoch and seq of `EPOCH:SEQ` */
function parseCursor(text) {
  const colon = text.lastIndexOf(':');
  return [text.slice(0, colon), Number(text.slice(colon + 1))];
}
