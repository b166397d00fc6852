/** What all elements share: the page's client, the reader's language, the theme, and one drawing a frame. */

import { LedgerbellClient } from '../client.js';
import { tokenFrom } from '../token.js';
import { LitElement } from '../vendor/lit.js';
import { english, wordsIn } from '../words.js';

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

export class LedgerbellElement extends LitElement {
  /** @type {import('../vendor/lit.js').PropertyDeclarations} */
  static properties = {
    theme: { reflect: true },
    locale: {},
    linkBase: { attribute: 'link-base' },
  };

  /** What it listens to. */
  static hears = ['change'];

  constructor() {
    super();
    /** @type {'auto' | 'light' | 'dark'} */
    this.theme = 'auto';
    /** A language tag. @type {string | undefined} */
    this.locale = undefined;
    /** What relative links of notifications are relative to. @type {string | undefined} */
    this.linkBase = undefined;
    /** @type {LedgerbellClient | null} */
    this.client = null;
    /** In the reader's language, from the first drawing on. */
    this.words = english;
  }

  connectedCallback() {
    super.connectedCallback();
    elements.add(this);
    const url = this.getAttribute('token-url');
    if (!ofThePage && url !== null) this.#begin(url);
    this.follow(ofThePage);
    lost ??= setTimeout(() => {
      if (!ofThePage) console.info('Ledgerbell: nothing to show. Give one element a token-url, or call provide(client).');
    }, LOST_AFTER_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    elements.delete(this);
    this.follow(null);
  }

  /** @param {LedgerbellClient | null} client */
  follow(client) {
    if (client === this.client) return;
    const { hears } = /** @type {typeof LedgerbellElement} */ (this.constructor);
    for (const type of hears) this.client?.removeEventListener(type, this);
    this.client = client;
    for (const type of hears) client?.addEventListener(type, this);
    this.clientChanged();
    this.requestUpdate();
  }

  /** What was shown is another user's, or nobody's. */
  clientChanged() {}

  /** @param {Event} _event of the client */
  handleEvent(_event) {
    this.requestUpdate();
  }

  /** The link of a notification was followed: it has been read, and the site may have a place of its own for it. @param {MouseEvent} event @param {Notification} item */
  followed(event, item) {
    this.client?.markRead([item.id]);
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const open = new CustomEvent('ledgerbell-open', { detail: item, bubbles: true, composed: true, cancelable: true });
    if (!this.dispatchEvent(open)) event.preventDefault();
  }

  /** Where a link leads, or null where it has none, or one that a browser would run instead of open. @param {string | null} link */
  webAddress(link) {
    const base = new URL(this.linkBase ?? '/', location.href);
    if (!link || !URL.canParse(link, base)) return null;
    const url = new URL(link, base);
    return /^https?:$/.test(url.protocol) ? url.href : null;
  }

  /** Once a frame, however much has come, and in the reader's language. */
  async scheduleUpdate() {
    await nextFrame();
    const tag = this.locale ?? this.client?.locale ?? this.closest('[lang]')?.getAttribute('lang');
    const words = wordsIn(tag || navigator.language);
    this.words = words instanceof Promise ? await words : words;
    super.scheduleUpdate();
  }

  /** @param {string} url */
  #begin(url) {
    const client = new LedgerbellClient({ base: this.getAttribute('base') ?? undefined, getToken: tokenFrom(url) });
    provide(client);
    client.start();
  }
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
