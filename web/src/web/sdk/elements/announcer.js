/** Says what rang to those who listen instead of look: critical ones at once and in full, the others gathered for a moment. */

import { html, render } from '../vendor/lit.js';

const AT_ONCE_MS = 50;
const QUIET_MS = 1_000;
// A screen reader speaks a live region only when its text changes, also when the same sentence comes twice.
const BLANK_MS = 50;
const IN_FULL = 3;

export class Announcer {
  #host;
  #now = gathered(AT_ONCE_MS, (texts) => this.#speak('#now', texts.slice(-IN_FULL).join(' ')));
  #soon = gathered(QUIET_MS, (texts) => this.#speak('#soon', texts[texts.length - 1], texts.length));

  /** @param {import('./base.js').LedgerbellElement} host */
  constructor(host) {
    this.#host = host;
  }

  /** Both empty from the start, for a region that is born with its words is not heard. */
  get template() {
    return html`<p class="aside" id="now" role="alert"></p><p class="aside" id="soon" role="status"></p>`;
  }

  /** @param {import('../types.js').Notification} item */
  say({ lane, text }) {
    (lane === 'critical' ? this.#now : this.#soon).add(text);
  }

  /** What was said is one user's alone. */
  clear() {
    this.#now.forget();
    this.#soon.forget();
    for (const region of this.#host.root.querySelectorAll('#now, #soon')) render('', /** @type {HTMLElement} */ (region));
  }

  /** @param {string} where @param {string} text @param {number} [n] of how many it is the last */
  async #speak(where, text, n = 1) {
    await this.#host.updateComplete;
    const { client } = this.#host;
    const region = /** @type {HTMLElement} */ (this.#host.root.querySelector(where));
    const before = n > 1 ? `${this.#host.words.say('gathered', { n })} ` : '';
    render('', region);
    setTimeout(() => {
      if (this.#host.client === client) render(html`${before}<span lang="en">${text}</span>`, region);
    }, BLANK_MS);
  }
}

/** What comes in quick succession, told together when it has been quiet for a while. @param {number} quietMs @param {(texts: string[]) => void} tell */
function gathered(quietMs, tell) {
  /** @type {string[]} */
  const texts = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return {
    add(/** @type {string} */ text) {
      texts.push(text);
      clearTimeout(timer);
      timer = setTimeout(() => tell(texts.splice(0)), quietMs);
    },
    forget() {
      clearTimeout(timer);
      texts.length = 0;
    },
  };
}
