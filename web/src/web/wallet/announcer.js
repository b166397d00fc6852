/** Says what rang to those who listen instead of look: critical ones at once, the others gathered for a moment. */

const QUIET_MS = 1_000;
// A screen reader speaks a live region only when its text changes, also when the same sentence comes twice.
const BLANK_MS = 50;

export class Announcer {
  #now;
  #soon;
  #waiting = [];
  #timer = 0;

  /** @param {HTMLElement} now live region `alert`, empty @param {HTMLElement} soon live region `status`, empty */
  constructor(now, soon) {
    this.#now = now;
    this.#soon = soon;
  }

  /** @param {import('./feed.js').Notification} item */
  say(item) {
    if (item.lane === 'critical') speak(this.#now, item.text);
    else this.#gather(item.text);
  }

  #gather(text) {
    this.#waiting.push(text);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const count = this.#waiting.length;
      speak(this.#soon, count === 1 ? text : `${count} new notifications. The last: ${text}`);
      this.#waiting = [];
    }, QUIET_MS);
  }
}

function speak(region, text) {
  region.textContent = '';
  setTimeout(() => (region.textContent = text), BLANK_MS);
}
