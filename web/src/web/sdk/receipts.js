/** Tells the gateway what a person could see by now: the newest only, and at most once a second. */

const EVERY_MS = 1_000;

export class Receipts {
  #send;
  #shownSeq = 0;
  #sentSeq = 0;
  #resting = false;

  /** @param {(seq: number) => boolean} send whether it could be sent */
  constructor(send) {
    this.#send = send;
  }

  /**
   * @param {number} seq 0 where nothing is new: what is due is sent where it can be by now
   * @param {unknown} [line] a new one: what was sent may have been lost with the one before, and is sent again
   */
  shown(seq, line) {
    this.#shownSeq = Math.max(this.#shownSeq, seq);
    if (line) this.#sentSeq = 0;
    if (this.#resting || this.#shownSeq <= this.#sentSeq || !this.#send(this.#shownSeq)) return;
    this.#sentSeq = this.#shownSeq;
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      this.shown(0);
    }, EVERY_MS);
  }

  stop() {
    this.#send = () => false;
  }
}
