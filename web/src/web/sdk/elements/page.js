/** A stretch of a list: its rows while it is near what is seen, an empty block of their height while it is not. */

import { render } from '../vendor/lit.js';
import { place } from './place.js';
import { rowOf } from './row.js';

// Only until it has been measured.
const ROW_PX = 96;

/** @typedef {import('../types.js').Notification} Notification */
/** @typedef {{host: import('./base.js').LedgerbellElement, exact: boolean, tabStop: number, tick: number}} Look what rows depend on beside their item */

export class Page {
  element = document.createElement('div');
  folded = true;
  #measured = false;
  /** @type {Map<number, {article: HTMLElement, drawn: unknown[]}>} by seq */
  #rows = new Map();

  /** @param {readonly Notification[]} items newest first */
  constructor(items) {
    this.items = items;
    /** The oldest that belongs here. */
    this.floor = items[items.length - 1].seq;
  }

  /** @param {number} seq */
  article(seq) {
    return this.#rows.get(seq)?.article;
  }

  unfold() {
    this.folded = false;
    this.element.style.height = '';
  }

  /** @param {number} heightPx what it measures now */
  fold(heightPx) {
    this.folded = this.#measured = true;
    this.element.style.height = `${heightPx}px`;
    this.element.replaceChildren();
    this.#rows.clear();
  }

  /** @param {Look} look @param {Notification | undefined} above the item before its first one */
  draw(look, above) {
    if (this.folded) {
      if (!this.#measured) this.element.style.height = `${this.items.length * ROW_PX}px`;
      return;
    }
    const wanted = new Set(this.items.map((item) => item.seq));
    for (const seq of this.#rows.keys()) if (!wanted.has(seq)) this.#rows.delete(seq);
    place(
      this.element,
      this.items.map((item, at) => this.#row(look, item, this.items[at - 1] ?? above)),
    );
  }

  /** Drawn again only when something it shows has changed. @param {Look} look @param {Notification} item @param {Notification | undefined} above */
  #row({ host, exact, tabStop, tick }, item, above) {
    const row = this.#rows.get(item.seq) ?? { article: makeArticle(item.seq), drawn: [] };
    this.#rows.set(item.seq, row);
    const begins = dayOf(item) !== dayOf(above);
    const reachable = item.seq === tabStop;
    const drawn = [item, begins, reachable, tick, host.words];
    if (drawn.some((part, at) => part !== row.drawn[at])) {
      row.drawn = drawn;
      const day = begins ? host.words.day(new Date(item.occurred_at)) : null;
      row.article.tabIndex = reachable ? 0 : -1;
      render(rowOf(host, item, { day, reachable, exact }), row.article);
    }
    return row.article;
  }
}

/** @param {number} seq */
function makeArticle(seq) {
  const article = document.createElement('article');
  article.dataset.seq = String(seq);
  article.setAttribute('aria-labelledby', `t${seq}`);
  article.setAttribute('aria-describedby', `a${seq} b${seq} m${seq}`);
  return article;
}

/** @param {Notification | undefined} item */
const dayOf = (item) => item && new Date(item.occurred_at).toDateString();
