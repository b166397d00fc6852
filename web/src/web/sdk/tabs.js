/** The tabs of one browser in step: which of them has the line, which one pops toasts up, and a channel between them. */

/** @typedef {{type: string, [field: string]: any}} Message */

/** Something one tab of a browser is at a time. Without Web Locks (no secure context) each tab is it. */
class Role {
  held = false;
  #name;
  #onChange;
  /** The request that waits for its turn. @type {AbortController | null} */
  #queued = null;
  #seizing = false;
  #over = false;
  /** The request that holds it. @type {symbol | null} */
  #holder = null;
  #release = () => {};

  /** @param {string | null} name @param {(held: boolean) => void} onChange */
  constructor(name, onChange) {
    this.#name = name;
    this.#onChange = onChange;
  }

  /** Be it as soon as nobody else is. */
  wait() {
    if (this.#over || this.#queued || this.#seizing) return;
    if (this.#name === null) return this.#set(true);
    this.#queued = new AbortController();
    this.#ask({ signal: this.#queued.signal });
  }

  /** Be it now, whoever is. */
  seize() {
    if (this.held || this.#seizing || this.#over || this.#name === null) return;
    this.#seizing = true;
    this.#dequeue();
    this.#ask({ steal: true });
  }

  /** For good. */
  resign() {
    this.#over = true;
    this.#dequeue();
    this.#holder = null;
    this.#set(false);
    this.#release();
  }

  #dequeue() {
    this.#queued?.abort();
    this.#queued = null;
  }

  /** @param {LockOptions} options */
  async #ask(options) {
    const request = Symbol(this.#name ?? '');
    try {
      await navigator.locks.request(/** @type {string} */ (this.#name), options, () => this.#hold(request, options));
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'AbortError') throw error;
    }
    if (options.steal && this.#holder === null) this.#seizing = false;
    if (this.#holder === request) {
      // Robbed.
      this.#holder = null;
      this.#set(false);
    }
    if (this.#holder === null && !options.signal?.aborted) this.wait();
  }

  /** @param {symbol} request @param {LockOptions} options */
  #hold(request, { steal }) {
    // What was asked for before the end is given back at once.
    if (this.#over) return null;
    if (steal) this.#seizing = false;
    else this.#queued = null;
    this.#holder = request;
    this.#set(true);
    return new Promise((resolve) => (this.#release = () => resolve(null)));
  }

  /** @param {boolean} held */
  #set(held) {
    if (held === this.held) return;
    this.held = held;
    this.#onChange(held);
  }
}

export class Tabs {
  /** @type {BroadcastChannel | null} */
  #channel = null;

  /**
   * @param {string | null} key what the tabs that belong together have in common, or null for a tab on its own
   * @param {{heard: (message: Message) => void, leads: (held: boolean) => void, toasts: (held: boolean) => void}} on
   */
  constructor(key, on) {
    const shared = key !== null && globalThis.navigator?.locks !== undefined;
    const name = shared ? `ledgerbell.v1 ${key}` : null;
    this.leader = new Role(name && `${name} line`, on.leads);
    this.toaster = new Role(name && `${name} toasts`, on.toasts);
    // Each tab has its own line then: to share what it hears would count it once a tab.
    if (name === null) return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => on.heard(data);
  }

  /** To all other tabs. @param {Message} message */
  tell(message) {
    this.#channel?.postMessage(message);
  }

  close() {
    this.leader.resign();
    this.toaster.resign();
    this.#channel?.close();
    this.#channel = null;
  }
}
