/** `<ledgerbell-bell>`: how much is unread, and behind it the newest notifications. */

import { html } from '../vendor/lit.js';
import { LedgerbellElement } from './base.js';
import { bell } from './icons.js';
import { lists } from './later.js';
import { sheet } from './styles.js';

export class LedgerbellBell extends LedgerbellElement {
  static sheets = [
    sheet(`
      :host { display: inline-block; }
      .bell { position: relative; display: block; width: 2.75rem; height: 2.75rem; border: 1px solid var(--line); border-radius: 50%; background: var(--surface); }
      svg { display: block; width: 1.5rem; margin: auto; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; }
      .badge { position: absolute; top: -.4rem; left: 100%; translate: -60%; min-width: 1.35rem; padding: 0 .35rem; border: 2px solid var(--surface); border-radius: 1rem;
        background: var(--alarm); color: var(--surface); font-size: .75rem; font-weight: 700; line-height: 1.2rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
      [popover] { display: none; }
    `),
  ];

  /** @type {import('./lists.js').Panel | null} what opens; loaded once there is something to show */
  #panel = null;

  /** @param {FocusOptions} [options] */
  focus(options) {
    /** @type {HTMLElement | null} */ (this.root.querySelector('.bell'))?.focus(options);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#panel?.close();
    this.#drawTitle(0);
  }

  clientChanged() {
    this.#panel?.restart();
  }

  get template() {
    const { unread = 0 } = this.client?.state ?? {};
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
    const { unread = 0, loaded = false, items = [] } = this.client?.state ?? {};
    this.#panel?.drawn();
    this.#drawTitle(unread);
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
    const { Panel } = (await lists()) ?? {};
    if (Panel) this.#panel ??= new Panel(this);
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
    panel?.open();
    await this.updateComplete;
    panel?.focus();
  };

  /** @param {number} unread */
  #drawTitle(unread) {
    if (!this.hasAttribute('title-count')) return;
    const bare = document.title.replace(/^\(\d+\+?\) /, '');
    const title = unread === 0 ? bare : `(${short(unread)}) ${bare}`;
    if (title !== document.title) document.title = title;
  }
}

/** @param {number} count */
const short = (count) => (count > 99 ? '99+' : String(count));
