/** Notifications by their place, newest first, each one an object that is replaced only when it changes. */

/** @typedef {import('./types.js').Notification} Notification */

export class Items {
  #looksRead;
  /** @type {Notification[]} newest first */
  #rows = [];
  /** @type {readonly Notification[] | null} */
  #shown = null;
  /** @type {WeakMap<Notification, Notification>} */
  #read = new WeakMap();

  /** @param {(item: Notification) => boolean} looksRead whether a person should see it as read */
  constructor(looksRead) {
    this.#looksRead = looksRead;
  }

  /** As the gateway has them, newest first. @returns {readonly Notification[]} */
  get rows() {
    return this.#rows;
  }

  get size() {
    return this.#rows.length;
  }

  get newest() {
    return this.#rows.at(0);
  }

  get oldest() {
    return this.#rows.at(-1);
  }

  /** As a person should see them, as of now. @returns {readonly Notification[]} */
  get shown() {
    if (this.#shown) return this.#shown;
    this.#shown = Object.freeze(this.#rows.map((row) => (row.read || !this.#looksRead(row) ? row : this.#asRead(row))));
    return this.#shown;
  }

  /** Something may look read, or unread, that did not. */
  stale() {
    this.#shown = null;
  }

  /** Whether it was not there before. @param {Notification} item */
  put(item) {
    this.#shown = null;
    const place = this.#placeOf(item.seq);
    if (this.#rows[place]?.seq !== item.seq) {
      this.#rows.splice(place, 0, Object.freeze({ ...item }));
      return true;
    }
    if (item.read && !this.#rows[place].read) this.#rows[place] = Object.freeze({ ...item });
    return false;
  }

  /** Forget the oldest beyond so many; whether there were any. @param {number} most */
  keep(most) {
    if (this.#rows.length <= most) return false;
    this.#rows.length = most;
    this.#shown = null;
    return true;
  }

  /** @param {ReadonlySet<string>} ids */
  markRead(ids) {
    this.#shown = null;
    if (ids.size === 0) return;
    this.#rows.forEach((row, place) => {
      if (!row.read && ids.has(row.id)) this.#rows[place] = Object.freeze({ ...row, read: true });
    });
  }

  clear() {
    this.#rows = [];
    this.#shown = null;
  }

  /** @param {string} id */
  byId(id) {
    return this.#rows.find((row) => row.id === id);
  }

  /** The same object each time; the row itself stays, for a reading that was hoped for can be taken back. @param {Notification} row */
  #asRead(row) {
    const known = this.#read.get(row) ?? Object.freeze({ ...row, read: true });
    this.#read.set(row, known);
    return known;
  }

  /** Where it is or would be: almost always at one of the ends. @param {number} seq */
  #placeOf(seq) {
    let [low, high] = [0, this.#rows.length];
    if (high === 0 || seq > this.#rows[0].seq) return 0;
    if (seq < this.#rows[high - 1].seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle].seq > seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
