/** What still has to pop up: kept in every tab, popped up by the one that is looked at, once. */

const MOST = 100;
// Who takes over hears first what the one before has popped up by then.
const GRACE_MS = 250;

/** @typedef {import('./types.js').Notification} Notification */

export class Popups {
  #pop;
  #tell;
  /** @type {Notification[]} */
  #waiting = [];
  /** @type {Notification[]} what stood in the tab that was looked at before */
  #handed = [];
  #poppedUpTo = 0;
  #ready = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #grace;

  /** @param {(item: Notification) => void} pop @param {(seq: number) => void} tell the other tabs that it was */
  constructor(pop, tell) {
    this.#pop = pop;
    this.#tell = tell;
  }

  /** @param {boolean} held whether this is the tab that pops up */
  held(held) {
    clearTimeout(this.#grace);
    this.#ready = false;
    if (held) this.#grace = setTimeout(() => this.#begin(), GRACE_MS);
  }

  /** @param {Notification} item */
  arrived(item) {
    if (!item.toast || item.read || item.seq <= this.#poppedUpTo) return;
    this.#waiting = [...this.#waiting, item].slice(-MOST);
    this.#popAll();
  }

  /** Another tab has. @param {number} seq */
  popped(seq) {
    this.#poppedUpTo = Math.max(this.#poppedUpTo, seq);
    this.#waiting = this.#waiting.filter((item) => item.seq > this.#poppedUpTo);
    this.#handed = this.#handed.filter((item) => item.seq !== seq);
  }

  /** Whoever pops up next takes them over: which tab that is may not be known yet. @param {readonly Notification[]} items newest first */
  handed(items) {
    this.#handed = [...this.#handed, ...items.filter((item) => !item.read).reverse()].slice(-MOST);
    this.#popAll();
  }

  #begin() {
    this.#ready = true;
    this.#popAll();
  }

  #popAll() {
    if (!this.#ready) return;
    for (const item of [...this.#handed.splice(0), ...this.#waiting.splice(0)]) {
      this.popped(item.seq);
      this.#tell(item.seq);
      this.#pop(item);
    }
  }
}
