/** Tells the gateway what a person could see by now: the newest only, and at most once a second. */

const EVERY_MS = 1_000;

export class Receipts {
  #send;
  #shownSeq = 0;
  #sentSeq = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(seq: number) => boolean} send whether it could be sent */
  constructor(send) {
    this.#send = send;
  }

  /** @param {number} seq */
  shown(seq) {
    this.#shownSeq = Math.max(this.#shownSeq, seq);
    this.flush();
  }

  /** What is due, where it can be sent by now. */
  flush() {
    if (this.#timer !== undefined || this.#shownSeq <= this.#sentSeq || !this.#send(this.#shownSeq)) return;
    this.#sentSeq = this.#shownSeq;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, EVERY_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#sentSeq = Infinity;
  }
}
