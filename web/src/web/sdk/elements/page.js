/** A stretch of a list: its rows while it is near what is seen, an empty block of their height while it is not. */

import { Keyed } from './keyed.js';
import { rowOf } from './row.js';

// Only until it has been measured.
const ROW_PX = 96;

/** @typedef {import('../types.js').Notification} Notification */
/** @typedef {{host: import('./base.js').LedgerbellElement, exact: boolean, tabStop: number, tick: number}} Look what rows depend on beside their item */

export class Page {
  element = document.createElement('div');
  folded = true;
  #heightPx = 0;
  #rows = new Keyed();

  /** @param {readonly Notification[]} items newest first */
  constructor(items) {
    this.items = items;
    /** The oldest that belongs here. */
    this.floor = items[items.length - 1].seq;
  }

  /** @param {number} seq */
  article(seq) {
    return this.#rows.node(seq)?.querySelector('article');
  }

  /** @param {number} heightPx what it measures now */
  fold(heightPx) {
    this.folded = true;
    this.#heightPx = heightPx;
  }

  /** @param {Look} look @param {Notification | undefined} above the item before its first one */
  draw({ host, exact, tabStop, tick }, above) {
    this.element.style.height = this.folded ? `${this.#heightPx || this.items.length * ROW_PX}px` : '';
    const shown = this.folded ? [] : this.items;
    this.#rows.draw(
      this.element,
      shown.map((item, at) => {
        const begins = dayOf(item) !== dayOf(this.items[at - 1] ?? above);
        const reachable = item.seq === tabStop;
        return {
          key: item.seq,
          shows: [item, begins, reachable, tick, host.words],
          template: () => rowOf(host, item, { begins, reachable, exact }),
        };
      }),
    );
  }
}

/** @param {Notification | undefined} item */
const dayOf = (item) => item && new Date(item.occurred_at).toDateString();
