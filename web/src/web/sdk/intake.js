/** Takes frames into the feed in order, and fetches what is missing before going on. */

import { Unreachable } from './errors.js';
import { isHidden } from './page.js';

// Lanes overtake each other by milliseconds; a reading that is later than this was lost.
const MOST_HELD = 1_000;
const LATE_MS = 1_000;
// A burst is taken in pieces, between which the page can draw and answer.
const PIECE_MS = 8;

/** @typedef {import('./types.js').Frame} Frame */

/**
 * @typedef {object} Told
 * @property {(item: import('./types.js').Notification) => void} arrived a notification that is new, in order
 * @property {(frame: Frame) => void} moved a balance
 * @property {() => void} reset what was known is forgotten, the history was read anew
 * @property {() => void} changed
 * @property {(error: unknown) => void} failed what is missing could not be had; the frames are dropped
 */

export class Intake {
  #api;
  #feed;
  #told;
  #open = false;
  /** @type {Frame[]} not taken yet, in order */
  #frames = [];
  /** @type {Promise<void> | null} */
  #taking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #doubt;
  #over = false;

  /** @param {import('./api.js').Api} api @param {import('./feed.js').Feed} feed @param {Told} told */
  constructor(api, feed, told) {
    this.#api = api;
    this.#feed = feed;
    this.#told = told;
  }

  /** Whether the history is there; until then frames are held. */
  get open() {
    return this.#open;
  }

  /** Read the history, and take what came meanwhile. Throws ApiError. */
  async begin() {
    await this.#loadHistory();
    this.#open = true;
    await this.take([]);
  }

  /** @param {Frame[]} frames @returns {Promise<void>} */
  take(frames) {
    this.#frames.push(...frames);
    // What is too much to hold is in the history by then, or found to be missing.
    if (!this.#open) this.#frames.splice(0, this.#frames.length - MOST_HELD);
    if (!this.#open || this.#over) return Promise.resolve();
    this.#taking ??= this.#takeAll().finally(() => (this.#taking = null));
    return this.#taking;
  }

  stop() {
    this.#over = true;
    clearTimeout(this.#doubt);
  }

  async #takeAll() {
    try {
      let began = performance.now();
      for (let frame = this.#frames.shift(); frame && !this.#over; frame = this.#frames.shift()) {
        const mending = this.#takeOne(frame);
        if (mending) await mending;
        if (isHidden() || performance.now() - began < PIECE_MS) continue;
        this.#told.changed();
        await new Promise((resume) => setTimeout(resume));
        began = performance.now();
      }
    } catch (error) {
      this.#frames = [];
      this.#told.failed(error);
    }
    this.#told.changed();
    this.#wonder();
  }

  /** Whether what is counted but has not come is late or lost. */
  #wonder() {
    const rev = this.#feed.owed;
    if (rev === 0 || this.#over) return;
    this.#doubt ??= setTimeout(() => {
      this.#doubt = undefined;
      this.take([{ type: 'doubt', rev }]);
    }, LATE_MS);
  }

  /** @param {Frame} frame @returns {Promise<void> | undefined} nothing where nothing is missing */
  #takeOne(frame) {
    const outcome = this.#apply(frame);
    if (outcome === 'reset') return this.#loadHistory();
    if (outcome === 'unclear') return this.#readAgain();
    if (outcome === 'gap') return this.#fillBefore(frame);
    return undefined;
  }

  /** @param {Frame} frame */
  #apply(frame) {
    const outcome = this.#feed.apply(frame);
    if (outcome === 'moved') this.#told.moved(frame);
    if (outcome === 'new') this.#told.arrived(/** @type {import('./types.js').Notification} */ (this.#feed.items.newest));
    return outcome;
  }

  async #loadHistory() {
    const page = await this.#api.history();
    if (this.#over) return;
    this.#feed.begin(page);
    this.#told.reset();
  }

  /** @param {Frame} frame one that tells of a hole before it */
  async #fillBefore(frame) {
    const { answer } = await this.#api.stream(/** @type {string} */ (this.#feed.cursor), null, 0);
    if (answer.reset) return this.#loadHistory();
    for (const missed of answer.frames) if (this.#apply(missed) === 'unclear') await this.#readAgain();
    // By now it is known, or the next one.
    if (this.#apply(frame) === 'gap') throw new Unreachable('the hole could not be filled');
  }

  /** Something was read, but not said what. */
  async #readAgain() {
    const oldest = this.#feed.items.oldest?.seq ?? 0;
    let page = await this.#api.history();
    const { rev = 0 } = page;
    this.#feed.merge(page);
    while (page.next !== null && (page.items.at(-1)?.seq ?? 0) > oldest) {
      page = await this.#api.history(page.next);
      this.#feed.merge(page);
    }
    this.#feed.settle(rev);
  }
}
