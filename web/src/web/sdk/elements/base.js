/** What all elements share: the page's client, the reader's language, the theme, and one drawing a frame. */

import { LedgerbellClient } from '../client.js';
import { tokenFrom } from '../token.js';
import { render } from '../vendor/lit.js';
import { english, wordsIn } from '../words.js';
import { base } from './styles.js';

const HIDDEN_DRAW_MS = 200;
const LOST_AFTER_MS = 10_000;

/** @typedef {import('../types.js').Notification} Notification */

/** @type {Set<LedgerbellElement>} those in the document */
const elements = new Set();
/** @type {LedgerbellClient | null} */
let ofThePage = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let lost;

/** The client that every element of this page shows from now on; null after signing out. @param {LedgerbellClient | null} client */
export function provide(client) {
  ofThePage = client;
  for (const element of elements) element.follow(client);
}

/** Lit's templates without its elements: what those could do more, nothing here would use. */
export class LedgerbellElement extends HTMLElement {
  static observedAttributes = ['locale', 'link-base', 'currency', 'title-count'];

  /** What it listens to. */
  static hears = ['change'];

  /** @type {CSSStyleSheet[]} */
  static sheets = [];

  root = this.attachShadow({ mode: 'open' });
  /** @type {LedgerbellClient | null} */
  client = null;
  /** In the reader's language, from the first drawing on. */
  words = english;
  /** @type {Promise<void> | null} */
  #drawing = null;

  constructor() {
    super();
    this.root.adoptedStyleSheets.push(base, ...this.#class.sheets);
  }

  get #class() {
    return /** @type {typeof LedgerbellElement} */ (this.constructor);
  }

  /** Settled when what is known by now has been drawn. */
  get updateComplete() {
    return this.#drawing;
  }

  connectedCallback() {
    elements.add(this);
    document.addEventListener('visibilitychange', this);
    const url = this.getAttribute('token-url');
    if (!ofThePage && url !== null) begin(url, this.getAttribute('base') ?? undefined);
    this.follow(ofThePage);
    this.requestUpdate();
    lost ??= setTimeout(() => {
      if (!ofThePage) console.info('Ledgerbell: set token-url, or call provide(client).');
    }, LOST_AFTER_MS);
  }

  disconnectedCallback() {
    elements.delete(this);
    document.removeEventListener('visibilitychange', this);
    this.follow(null);
  }

  attributeChangedCallback() {
    this.requestUpdate();
  }

  /** @param {LedgerbellClient | null} client */
  follow(client) {
    if (client === this.client) return;
    for (const type of this.#class.hears) this.client?.removeEventListener(type, this);
    this.client = client;
    for (const type of this.#class.hears) client?.addEventListener(type, this);
    this.clientChanged();
    this.requestUpdate();
  }

  /** What was shown is another user's, or nobody's. */
  clientChanged() {}

  /** @param {Event} _event of the client, or of the document that is seen again */
  handleEvent(_event) {
    this.requestUpdate();
  }

  /** Draw once a frame, however much has come. */
  requestUpdate() {
    this.#drawing ??= this.#drawSoon();
  }

  draw() {
    render(this.template, this.root);
    this.drawn();
  }

  /** @returns {unknown} */
  get template() {
    return null;
  }

  drawn() {}

  /** The link of a notification was followed: it has been read, and the site may have a place of its own for it. @param {MouseEvent} event @param {Notification} item */
  followed(event, item) {
    this.client?.markRead([item.id]);
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const open = new CustomEvent('ledgerbell-open', { detail: item, bubbles: true, composed: true, cancelable: true });
    if (!this.dispatchEvent(open)) event.preventDefault();
  }

  async #drawSoon() {
    await nextFrame();
    const tag = this.getAttribute('locale') ?? this.client?.locale ?? this.closest('[lang]')?.getAttribute('lang');
    this.words = await wordsIn(tag || navigator.language);
    this.#drawing = null;
    if (this.isConnected) this.draw();
  }
}

/** @param {string} tokenUrl @param {string | undefined} base */
function begin(tokenUrl, base) {
  const client = new LedgerbellClient({ base, getToken: tokenFrom(tokenUrl) });
  provide(client);
  client.start();
}

/** Hidden tabs have no frames, but their title counts all the same. */
function nextFrame() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, HIDDEN_DRAW_MS);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve(null);
    });
  });
}
