/** Looks again at what is not over: with back-off where no notification will tell, slowly where there is no socket. */

const FIRST_MS = 400;
const LONGEST_MS = 30_000;
const SLOW_MS = 10_000;

/** @typedef {{pace: import('./states.js').Pace, tries: number, timer?: ReturnType<typeof setTimeout>}} Watched */

export class Watch {
  #look;
  /** @type {Map<string, Watched>} */
  #watched = new Map();
  #socket = true;

  /** @param {(id: string) => void} look fetches one, and comes back here with what it found */
  constructor(look) {
    this.#look = look;
    document.addEventListener('visibilitychange', () => document.hidden || this.lookAtAll());
  }

  /** @param {string} id @param {import('./states.js').Pace} pace */
  see(id, pace) {
    const known = this.#watched.get(id);
    clearTimeout(known?.timer);
    if (pace === 'over') this.#watched.delete(id);
    else this.#plan(id, { pace, tries: known?.pace === pace ? known.tries : 0 });
  }

  /** Whether notifications come by themselves. @param {boolean} there */
  set socket(there) {
    if (there === this.#socket) return;
    this.#socket = there;
    for (const [id, { pace }] of this.#watched) this.see(id, pace);
  }

  lookAtAll() {
    for (const id of this.#watched.keys()) this.#look(id);
  }

  /** @param {string} id @param {Watched} watched */
  #plan(id, watched) {
    this.#watched.set(id, watched);
    const ms = watched.pace === 'moving' ? Math.min(LONGEST_MS, FIRST_MS * 2 ** watched.tries) : SLOW_MS;
    if (watched.pace === 'waiting' && this.#socket) return;
    watched.timer = setTimeout(() => {
      watched.tries += 1;
      // Nobody is looking; what has changed meanwhile is asked for when somebody does.
      if (!document.hidden) this.#look(id);
    }, ms * (0.8 + Math.random() * 0.4));
  }
}
