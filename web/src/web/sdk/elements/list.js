/** Shows a listing, however long: rows near what is seen, more when they are wanted, nothing that jumps, all by keyboard too. */

import { html, nothing } from '../vendor/lit.js';
import { cut } from './pages.js';
import { place } from './keyed.js';

const NEAR = '1000px';
const AGE_EVERY_MS = 20_000;
const AT_ONCE = 10;
const PAGE = 5;
// In a burst nobody reads what is replaced in the next frame, and two lists in one frame would be felt.
const BURST = 5;
const BETWEEN_MS = 100;
const BESIDE_MS = 30;
/** When a list may show a burst. */
let free = 0;

/** @type {Record<string, (at: number, last: number) => number>} */
const MOVES = {
  ArrowDown: (at, last) => Math.min(at + 1, last),
  ArrowUp: (at) => Math.max(at - 1, 0),
  PageDown: (at, last) => Math.min(at + PAGE, last),
  PageUp: (at) => Math.max(at - PAGE, 0),
  Home: () => 0,
  End: (_at, last) => last,
};

/** @typedef {import('../types.js').Notification} Notification */
/** @typedef {import('./page.js').Page} Page */

export class NotificationList {
  #host;
  #exact;
  /** @type {import('../listing.js').Listing | null} */
  #listing = null;
  #filtered = false;
  /** @type {Page[]} newest first */
  #pages = [];
  /** @type {Element | null} */
  #feed = null;
  /** Nothing newer is shown while somebody reads further down. */
  #newest = Infinity;
  /** When a burst may be drawn again. */
  #calmAt = 0;
  #drawnUpTo = 0;
  #tabStop = 0;
  #tick = 0;
  #wantsMore = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clock;
  // Panels scroll in a box, histories with the page: the first margin is for the one, the second for the other.
  #near = new IntersectionObserver((entries) => this.#moved(entries), /** @type {IntersectionObserverInit} */ ({ rootMargin: NEAR, scrollMargin: NEAR }));
  #top = new IntersectionObserver((entries) => this.#scrolled(entries[entries.length - 1]));

  /** @param {import('./base.js').LedgerbellElement} host @param {{exact?: boolean}} [options] */
  constructor(host, { exact = false } = {}) {
    this.#host = host;
    this.#exact = exact;
  }

  get listing() {
    return this.#listing;
  }

  /** @param {import('../types.js').Filter} filter */
  show(filter) {
    this.hide();
    const { client } = this.#host;
    if (!client) return;
    const listing = client.list(filter);
    listing.addEventListener('change', () => this.#host.requestUpdate());
    this.#listing = listing;
    this.#filtered = Object.keys(filter).length > 0;
    if (this.#filtered) listing.more();
    this.#clock = setInterval(() => this.#age(), AGE_EVERY_MS);
    this.#host.requestUpdate();
  }

  hide() {
    this.#listing?.close();
    this.#listing = null;
    clearInterval(this.#clock);
    this.#near.disconnect();
    this.#top.disconnect();
    this.#feed?.replaceChildren();
    this.#feed = null;
    this.#pages = [];
    this.#newest = Infinity;
    this.#drawnUpTo = 0;
    this.#wantsMore = false;
  }

  /** To be put into the host's own template. */
  get template() {
    const { words } = this.#host;
    const { items = [], loading = false } = this.#listing ?? {};
    const held = items.findIndex((item) => item.seq <= this.#newest);
    return html`
      <div class="top"></div>
      ${held > 0 ? html`<button class="pill" part="pill" type="button" @click=${() => this.#release()}>${words.say('fresh', { n: held })}</button>` : nothing}
      <div class="feed" part="list" role="feed" aria-label=${words.say('notifications')} aria-busy=${String(loading)} ?hidden=${items.length === 0}
        @click=${this.#click} @keydown=${this.#key} @focusin=${this.#focusin}></div>
      <div class="bottom"></div>
      ${this.#foot(items.length)}
    `;
  }

  /** What the template made room for. */
  drawn() {
    if (!this.#listing) return;
    if (!this.#feed) this.#begin();
    if (!this.#mayDraw(this.#listing.items)) return this.#host.requestUpdate();
    this.#draw(this.#listing.items);
    this.#pull();
  }

  /** Put the keyboard on the newest row; false where there is none. */
  focus() {
    const newest = this.#listing?.items[0];
    if (newest) this.#go(newest.seq);
    return newest !== undefined;
  }

  // ------------------------------------------------------------------ drawing

  #begin() {
    const [top, feed, bottom] = ['.top', '.feed', '.bottom'].map((part) => this.#host.root.querySelector(part));
    this.#feed = /** @type {Element} */ (feed);
    this.#top.observe(/** @type {Element} */ (top));
    this.#near.observe(/** @type {Element} */ (bottom));
  }

  /** @param {number} count */
  #foot(count) {
    const { words } = this.#host;
    const { failed, loading, done } = this.#listing ?? {};
    if (failed) {
      return html`<p class="note" part="problem" role="alert">${words.why({ ...failed, message: words.say('history_failed') })}
        <button class="plain" type="button" @click=${this.#retry}>${words.say('retry')}</button></p>`;
    }
    if (loading) return html`<p class="note">${words.say('loading')}</p>`;
    if (count > 0 || !done) return nothing;
    return html`<p class="note" part="empty">${words.say(this.#filtered ? 'noMatch' : 'nothing')}</p>`;
  }

  /** @param {readonly Notification[]} items */
  #draw(items) {
    const before = new Set(this.#pages);
    this.#pages = cut(this.#newest === Infinity ? items : items.filter((item) => item.seq <= this.#newest), this.#pages);
    for (const page of this.#pages) if (!before.delete(page)) this.#near.observe(page.element);
    for (const page of before) this.#near.unobserve(page.element);
    this.#unfold();
    this.#keepTabStop();
    const look = { host: this.#host, exact: this.#exact, tabStop: this.#tabStop, tick: this.#tick };
    this.#pages.forEach((page, at) => page.draw(look, this.#pages[at - 1]?.items.at(-1)));
    place(/** @type {Element} */ (this.#feed), this.#pages.map((page) => page.element));
  }

  /** Not while a burst was just drawn, here or in another list. @param {readonly Notification[]} items */
  #mayDraw(items) {
    const now = performance.now();
    if (items.filter((item) => item.seq > this.#drawnUpTo).length >= BURST && this.#drawnUpTo > 0) {
      if (now < Math.max(this.#calmAt, free)) return false;
      this.#calmAt = now + BETWEEN_MS;
      free = now + BESIDE_MS;
    }
    this.#drawnUpTo = items[0]?.seq ?? 0;
    return true;
  }

  /** What is at the top is there in the first frame; of what has come near, one page a frame. */
  #unfold() {
    let rows = this.#newest === Infinity ? 0 : AT_ONCE;
    for (const page of this.#pages) {
      if (rows >= AT_ONCE) break;
      page.open = true;
      rows += page.items.length;
    }
    const [next, another] = this.#pages.filter(({ near, open }) => near && !open);
    if (next) next.open = true;
    if (another) this.#host.requestUpdate();
  }

  /** One row is in the tab order, the arrows do the rest: fifty rows are not fifty presses of Tab. */
  #keepTabStop() {
    const open = this.#pages.filter((page) => page.open);
    if (!open.some((page) => page.items.some((item) => item.seq === this.#tabStop))) this.#tabStop = open[0]?.items[0].seq ?? 0;
  }

  #age() {
    this.#tick += 1;
    this.#host.requestUpdate();
  }

  // ------------------------------------------------------------------ scrolling

  /** @param {IntersectionObserverEntry[]} entries */
  #moved(entries) {
    for (const { target, isIntersecting, boundingClientRect } of entries) {
      const page = this.#pages.find(({ element }) => element === target);
      if (target.matches('.bottom')) this.#wantsMore = isIntersecting;
      if (page) page.near = isIntersecting;
      if (page?.open && !page.near && !target.matches(':focus-within')) page.fold(boundingClientRect.height);
    }
    this.#host.requestUpdate();
  }

  /** @param {IntersectionObserverEntry} top */
  #scrolled({ isIntersecting, boundingClientRect, rootBounds }) {
    const past = !isIntersecting && boundingClientRect.top < (rootBounds?.bottom ?? 0);
    this.#newest = past ? (this.#pages[0]?.items[0].seq ?? Infinity) : Infinity;
    this.#host.requestUpdate();
  }

  #pull() {
    const listing = this.#listing;
    if (this.#wantsMore && listing && !listing.loading && !listing.done && !listing.failed) listing.more();
  }

  #retry = async () => {
    const listing = /** @type {import('../listing.js').Listing} */ (this.#listing);
    const count = listing.items.length;
    await listing.more();
    await this.#host.updateComplete;
    // The button that was pressed is gone, and the keyboard goes on from there.
    const first = listing.items[count];
    if (first && !this.#host.root.activeElement) this.#go(first.seq);
  };

  #release() {
    this.#newest = Infinity;
    this.#draw(this.#listing?.items ?? []);
    this.focus();
    reveal(this.#host.root.querySelector('.top'), 'center');
  }

  // ------------------------------------------------------------------ reading and moving

  /** @param {Event} event */
  #itemAt(event) {
    const article = /** @type {Element} */ (event.target).closest('article');
    return this.#listing?.items.find((item) => String(item.seq) === article?.dataset.seq);
  }

  /** @param {Notification} item */
  #read(item) {
    if (!item.read) this.#host.client?.markRead([item.id]);
  }

  #click = (/** @type {Event} */ event) => {
    const item = this.#itemAt(event);
    const target = /** @type {Element} */ (event.target);
    if (!item || target.closest('a, .day')) return;
    this.#read(item);
    // The button goes; a keyboard that stood on it must not fall to the top of the page.
    if (target.closest('.mark')) this.#go(item.seq);
  };

  #key = (/** @type {KeyboardEvent} */ event) => {
    const item = this.#itemAt(event);
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Enter' && /** @type {Element} */ (event.target).matches('article')) this.#read(item);
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    const shown = this.#pages.flatMap((page) => page.items);
    this.#go(shown[move(shown.indexOf(item), shown.length - 1)].seq);
  };

  #focusin = (/** @type {FocusEvent} */ event) => {
    const item = this.#itemAt(event);
    if (!item || item.seq === this.#tabStop) return;
    this.#tabStop = item.seq;
    this.#host.requestUpdate();
  };

  /** @param {number} seq */
  #go(seq) {
    const page = this.#pages.find(({ floor }) => floor <= seq);
    if (!page || !this.#listing) return;
    page.open = true;
    this.#tabStop = seq;
    this.#draw(this.#listing.items);
    const article = page.article(seq);
    article?.focus({ preventScroll: true });
    reveal(article, 'nearest');
  }
}

/** In its own box only: the page behind a panel stays where it is. @param {Element | null | undefined} node @param {ScrollLogicalPosition} block */
const reveal = (node, block) => node?.scrollIntoView(/** @type {ScrollIntoViewOptions} */ ({ block, container: 'nearest' }));
