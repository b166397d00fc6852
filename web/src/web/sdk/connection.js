/** One WebSocket from its hello to its end, which is always noticed: a silent socket counts as a dead one. */

const PROTOCOL = 'ledgerbell.v1';
const WELCOME_WITHIN_MS = 10_000;
const PROOF_WITHIN_MS = 3_000;

/** @typedef {import('./types.js').Frame} Frame */

export class Connection {
  #socket;
  #onFrames;
  /** @type {(closed: {code: number, reason: string}) => void} */
  #finish = () => {};
  #silenceMs = WELCOME_WITHIN_MS;
  #heardAt = Date.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #watchdog;
  #over = false;

  /**
   * @param {string} url
   * @param {Frame} hello first frame
   * @param {(frames: Frame[]) => void} onFrames gets what one message held: every frame but ping, in order
   */
  constructor(url, hello, onFrames) {
    this.#onFrames = onFrames;
    /** @type {Promise<{code: number, reason: string}>} */
    this.closed = new Promise((resolve) => (this.#finish = resolve));
    this.#socket = new WebSocket(url, [PROTOCOL]);
    this.#socket.onopen = () => this.send(hello);
    this.#socket.onmessage = (message) => this.#heard(message.data);
    this.#socket.onclose = (event) => this.#end(event.code, event.reason);
    this.check();
  }

  /** Milliseconds since the gateway was last heard of. */
  get silentMs() {
    return Date.now() - this.#heardAt;
  }

  /** @param {Frame} frame */
  send(frame) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  close(code = 1000, reason = '') {
    this.#socket.close(code, reason);
    // A dead network never answers a close, so the end is not waited for.
    this.#end(code, reason);
  }

  /** A tab that wakes up cannot trust its timers: look at the clock now. */
  check() {
    clearTimeout(this.#watchdog);
    const leftMs = this.#heardAt + this.#silenceMs - Date.now();
    if (leftMs <= 0) this.close(4000, 'silence');
    else this.#watchdog = setTimeout(() => this.check(), leftMs);
  }

  /** Something was sent that is answered at once: a socket that says nothing now is dead. */
  expectSoon() {
    if (this.#over) return;
    clearTimeout(this.#watchdog);
    const askedAt = Date.now();
    this.#watchdog = setTimeout(() => {
      if (this.#heardAt < askedAt) this.close(4000, 'silence');
      else this.check();
    }, PROOF_WITHIN_MS);
  }

  /** @param {string} data */
  #heard(data) {
    this.#heardAt = Date.now();
    /** @type {Frame} */
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      this.close(4000, 'not json');
      return;
    }
    if (frame.type === 'welcome') {
      this.#silenceMs = (2 * frame.ping_s + 5) * 1000;
      this.check();
    }
    if (frame.type === 'ping') this.send({ type: 'pong' });
    else if (!this.#over) this.#onFrames(frame.type === 'batch' ? frame.frames : [frame]);
  }

  /** @param {number} code @param {string} reason */
  #end(code, reason) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#watchdog);
    this.#finish({ code, reason });
  }
}
