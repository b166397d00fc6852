/** One WebSocket from its hello to its end, which is always noticed: a silent socket counts as a dead one. */

const PROTOCOL = 'ledgerbell.v1';
const WELCOME_WITHIN_MS = 10_000;

export class Connection {
  #socket;
  #onFrame;
  #finish;
  #silenceMs = WELCOME_WITHIN_MS;
  #heardAt = Date.now();
  #watchdog = 0;
  #over = false;

  /**
   * @param {string} url
   * @param {object} hello first frame
   * @param {(frame: object) => void} onFrame gets every frame but ping, batches unpacked, in order
   */
  constructor(url, hello, onFrame) {
    this.#onFrame = onFrame;
    /** @type {Promise<{code: number, reason: string}>} */
    this.closed = new Promise((resolve) => (this.#finish = resolve));
    this.#socket = new WebSocket(url, [PROTOCOL]);
    this.#socket.onopen = () => this.send(hello);
    this.#socket.onmessage = (message) => this.#heard(message.data);
    this.#socket.onclose = (event) => this.#end(event.code, event.reason);
    this.check();
  }

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

  #heard(data) {
    this.#heardAt = Date.now();
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
    this.#pass(frame);
  }

  #pass(frame) {
    // A frame may end the connection; what stands behind it must then not be taken.
    if (this.#over) return;
    if (frame.type === 'batch') for (const part of frame.frames) this.#pass(part);
    else if (frame.type === 'ping') this.send({ type: 'pong' });
    else this.#onFrame(frame);
  }

  #end(code, reason) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#watchdog);
    this.#finish({ code, reason });
  }
}
