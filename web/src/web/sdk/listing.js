/** A list of notifications as one reader wants it: page by page backwards, and what is new put on top. */

import { ApiError } from './errors.js';

// What comes while nobody pages on is forgotten at the far end; it can be paged to again.
const ROOM = 200;

/** @typedef {import('./types.js').Notification} Notification */

/** Event `change`: look again. */
export class Listing extends EventTarget {
  #api;
  #feed;
  #filter;
  #items;
  #abort = new AbortController();
  /** Where the next page begins; null is at the top. @type {string | null} */
  #next = null;
  #done = false;
  #loading = false;
  #pages = 0;
  /** A page that was asked for before it grew is of no use any more. */
  #generation = 0;
  /** @type {import('./types.js').Problem | null} */
  #failed = null;

  /**
   * @param {EventTarget} client tells what is new @param {import('./api.js').Api} api
   * @param {import('./feed.js').Feed} feed @param {import('./types.js').Filter} filter
   */
  constructor(client, api, feed, filter) {
    super();
    this.#api = api;
    this.#feed = feed;
    this.#filter = filter;
    this.#items = feed.shelf();
    if (Object.keys(filter).length === 0) for (const item of feed.items.rows) this.#items.put(item);
    const { signal } = this.#abort;
    client.addEventListener('notification', (event) => this.#arrived(/** @type {CustomEvent} */ (event).detail), { signal });
    client.addEventListener('change', () => this.#changed(), { signal });
    client.addEventListener('reset', () => this.#startAgain(), { signal });
  }

  /** Newest first. */
  get items() {
    return this.#items.shown;
  }

  /** There is nothing older. */
  get done() {
    return this.#done;
  }

  get loading() {
    return this.#loading;
  }

  /** Why the last page could not be had; `more` tries again. */
  get failed() {
    return this.#failed;
  }

  /** The next page. */
  async more() {
    if (this.#loading || this.#done) return;
    this.#loading = true;
    this.#failed = null;
    this.#changed();
    try {
      // Pages that are known by now are passed by.
      while (!this.#abort.signal.aborted && !(await this.#page()) && !this.#done);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#failed = { code: error.code, message: error.message };
    } finally {
      this.#loading = false;
      this.#changed();
    }
  }

  close() {
    this.#abort.abort();
    this.#feed.removeShelf(this.#items);
  }

  /** Whether it held anything that was not known. */
  async #page() {
    const generation = this.#generation;
    const page = await this.#api.history(this.#next, this.#filter);
    if (generation !== this.#generation) return false;
    const before = this.#items.size;
    // Newer ones than the feed knows of are left to it, so that nothing is seen out of order.
    for (const item of page.items) if (item.seq <= this.#feed.lastSeq) this.#items.put(item);
    this.#feed.takeReads(page);
    this.#next = page.next;
    this.#done = page.next === null;
    this.#pages += 1;
    return this.#items.size > before;
  }

  /** @param {Notification} item */
  #arrived(item) {
    if (!matches(item, this.#filter)) return;
    this.#items.put(item);
    if (this.#items.keep(ROOM + 50 * this.#pages)) this.#fromTheTop();
  }

  #startAgain() {
    this.#items.clear();
    this.#pages = 0;
    this.#fromTheTop();
    this.more();
  }

  #fromTheTop() {
    this.#generation += 1;
    this.#next = null;
    this.#done = false;
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {Notification} item one that has just come @param {import('./types.js').Filter} filter */
function matches({ kind, amount, occurred_at, read }, filter) {
  const when = Date.parse(occurred_at);
  return (
    (!filter.kind || kind.startsWith(`${filter.kind}.`)) &&
    (!filter.money || Boolean(amount && amount.startsWith('-') === (filter.money === 'out'))) &&
    (!filter.unread || !read) &&
    (!filter.since || when >= filter.since.getTime()) &&
    (!filter.until || when < filter.until.getTime())
  );
}
