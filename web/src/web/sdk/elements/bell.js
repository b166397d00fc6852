/** `<ledgerbell-bell>`: how much is unread, and behind it the newest notifications. */

import { html } from '../vendor/lit.js';
import { LedgerbellElement } from './base.js';
import { bell } from './icons.js';
import { sheet } from './styles.js';

/** @type {Pick<import('../types.js').State, 'unread' | 'loaded' | 'items'>} */
const NOTHING = { unread: 0, loaded: false, items: [] };

export class LedgerbellBell extends LedgerbellElement {
  static sheets = [
    sheet(`
      :host { display: inline-block; }
      .bell { position: relative; display: block; width: 2.75rem; height: 2.75rem; border: 1px solid var(--line); border-radius: 50%; background: var(--surface); }
      .bell svg { display: block; margin: auto; }
      .badge { position: absolute; top: -.4rem; right: -.7rem; min-width: 1.35rem; padding: 0 .35rem; border: 2px solid var(--surface); border-radius: 1rem;
        background: var(--alarm); color: var(--surface); font-size: .75rem; font-weight: 700; line-height: 1.2rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
      [popover] { display: none; }
    `),
  ];

  /** @type {import('./lists.js').Panel | null} what opens; loaded once there is something to show */
  #panel = null;
  #prefix = '';

  /** @param {FocusOptions} [options] */
  focus(options) {
    /** @type {HTMLElement | null} */ (this.root.querySelector('.bell'))?.focus(options);
  }

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener('visibilitychange', this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener('visibilitychange', this);
    this.#panel?.close();
    this.#drawTitle(0);
  }

  clientChanged() {
    this.#panel?.restart();
  }

  get template() {
    const { unread } = this.client?.state ?? NOTHING;
    return html`
      <button class="bell" part="button" type="button" popovertarget="panel" aria-label=${this.words.say('bell', { n: unread })}>
        ${bell}<span class="badge" part="badge" aria-hidden="true" ?hidden=${unread === 0}>${short(unread)}</span>
      </button>
      <div class="panel" part="panel" id="panel" popover role="dialog" aria-label=${this.words.say('notifications')} @beforetoggle=${this.#toggling} @toggle=${this.#toggled}>
        ${this.#panel?.template }
      </div>
    `;
  }

  drawn() {
    const { unread, loaded, items } = this.client?.state ?? NOTHING;
    this.#panel?.drawn();
    this.#drawTitle(this.hasAttribute('title-count') ? unread : 0);
    if (loaded) this.#prepare();
    if (items.length > 0 && !document.hidden) this.client?.shown(items[0].seq);
  }

  /** @param {MouseEvent} event @param {import('../types.js').Notification} item */
  followed(event, item) {
    this.#panelElement.hidePopover();
    super.followed(event, item);
  }

  get #panelElement() {
    return /** @type {HTMLElement} */ (this.root.querySelector('.panel'));
  }

  #prepare = async () => {
    const { Panel } = await import('./lists.js');
    this.#panel ??= new Panel(this);
    return this.#panel;
  };

  #toggling = (/** @type {ToggleEvent} */ event) => {
    if (event.newState === 'open') {
      // Prepared, it is full in its first frame.
      this.#panel?.open();
      this.draw();
      return;
    }
    // Back to the bell; a browser does not find the way out of what is about to be gone by itself.
    if (this.#panelElement.matches(':focus-within')) this.focus();
    this.#panel?.close();
  };

  #toggled = async (/** @type {ToggleEvent} */ event) => {
    if (event.newState !== 'open') return;
    const panel = await this.#prepare();
    panel.open();
    await this.updateComplete;
    panel.focus();
  };

  /** @param {number} unread */
  #drawTitle(unread) {
    const prefix = unread === 0 ? '' : `(${short(unread)}) `;
    if (prefix === this.#prefix && document.title.startsWith(prefix)) return;
    const title = document.title.startsWith(this.#prefix) ? document.title.slice(this.#prefix.length) : document.title;
    this.#prefix = prefix;
    document.title = prefix + title;
  }
}

/** @param {number} count */
const short = (count) => (count > 99 ? '99+' : String(count));
