/** A stretch of a list: its rows while it is near what is seen, an empty block of their height while it is not. */

import { Keyed } from './keyed.js';
import { rowOf } from './row.js';

// Only until it has been measured.
const ROW_PX = 96;

/** @typedef {import('../types.js').Notification} Notification */
/** @typedef {{host: import('./base.js').LedgerbellElement, exact: boolean, tabStop: number, tick: number}} Look what rows depend on beside their item */

export class Page {
  element = document.createElement('div');
  /** Its rows are wanted. */
  near = false;
  /** Its rows are there. */
  open = false;
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
    return /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-seq="${seq}"]`));
  }

  /** @param {number} heightPx what it measures now */
  fold(heightPx) {
    this.open = false;
    this.#heightPx = heightPx;
    this.#rows.draw(this.element, []);
  }

  /** @param {Look} look @param {Notification | undefined} above the item before its first one */
  draw({ host, exact, tabStop, tick }, above) {
    const height = this.open ? '' : `${this.#heightPx || this.items.length * ROW_PX}px`;
    if (this.element.style.height !== height) this.element.style.height = height;
    if (!this.open) return;
    const entries = this.items.map((item, at) => {
      const begins = dayOf(item) !== dayOf(this.items[at - 1] ?? above);
      const reachable = item.seq === tabStop;
      return {
        key: item.seq,
        shows: [item, begins, reachable, tick, host.words],
        template: () => rowOf(host, item, { begins, reachable, exact }),
      };
    });
    this.#rows.draw(this.element, entries);
  }
}

/** @param {Notification | undefined} item */
const dayOf = (item) => item && new Date(item.occurred_at).toDateString();
