/** Says what rang to those who listen instead of look: critical ones at once, the others gathered for a moment. */

import { html, render } from '../vendor/lit.js';

const QUIET_MS = 1_000;
// A screen reader speaks a live region only when its text changes, also when the same sentence comes twice.
const BLANK_MS = 50;

/** @typedef {import('../types.js').Notification} Notification */

export class Announcer {
  #host;
  #count = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {import('./base.js').LedgerbellElement} host */
  constructor(host) {
    this.#host = host;
  }

  /** Both empty from the start, for a region that is born with its words is not heard. */
  get template() {
    return html`<p class="aside" id="now" role="alert"></p><p class="aside" id="soon" role="status"></p>`;
  }

  /** @param {Notification} item */
  say(item) {
    if (item.lane === 'critical') this.#speak('#now', item.text);
    else this.#gather(item.text);
  }

  /** @param {string} text */
  #gather(text) {
    this.#count += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const n = this.#count;
      this.#count = 0;
      this.#speak('#soon', text, n > 1 ? `${this.#host.words.say('gathered', { n })} ` : '');
    }, QUIET_MS);
  }

  /** @param {string} where @param {string} text @param {string} [before] in the reader's language */
  async #speak(where, text, before = '') {
    await this.#host.updateComplete;
    const region = /** @type {HTMLElement} */ (this.#host.root.querySelector(where));
    render('', region);
    setTimeout(() => render(html`${before}<span lang="en">${text}</span>`, region), BLANK_MS);
  }
}
