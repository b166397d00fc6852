/** `<ledgerbell-status>`: whether what is shown is live, in words, and for a moment why something did not work. */

import { html } from '../vendor/lit.js';
import { LedgerbellElement } from './base.js';
import { sheet } from './styles.js';

const PROBLEM_SHOWN_MS = 8_000;

export class LedgerbellStatus extends LedgerbellElement {
  static hears = ['change', 'error'];

  static sheets = [
    sheet(`
      :host { display: inline-block; font-size: .85rem; line-height: 1.2rem; }
      p { display: flex; align-items: baseline; gap: .45rem; color: var(--soft); }
      .lamp { flex: none; width: .55rem; height: .55rem; border-radius: 50%; background: var(--waiting); }
      [data-state=idle] .lamp { display: none; }
      [data-state=online] .lamp { background: var(--gain); }
      [data-state=refused] .lamp, [data-state=problem] .lamp { background: var(--alarm); }
    `),
  ];

  /** @type {import('../types.js').Problem | null} */
  #problem = null;

  clientChanged() {
    this.#problem = null;
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === 'error' && this.client?.state.status !== 'refused') this.#tell(/** @type {CustomEvent} */ (event).detail);
    this.requestUpdate();
  }

  // Words are set only when they differ, so that a screen reader hears a change and nothing else.
  get template() {
    const state = this.#problem ? 'problem' : this.#state;
    return html`<p role="status" part="status" data-state=${state}><span class="lamp" part="lamp" aria-hidden="true"></span><span>${this.#sentence}</span></p>`;
  }

  get #state() {
    const { status = 'idle', polling = false } = this.client?.state ?? {};
    return status === 'online' && polling ? 'polling' : status;
  }

  get #sentence() {
    const state = this.#state;
    if (this.#problem) return this.words.why(this.#problem);
    if (state === 'idle') return '';
    const problem = this.client?.state.problem;
    return this.words.say(state, { why: problem ? this.words.why(problem) : '' });
  }

  /** @param {import('../types.js').Problem} problem */
  #tell(problem) {
    this.#problem = problem;
    setTimeout(() => {
      if (this.#problem === problem) this.#problem = null;
      this.requestUpdate();
    }, PROBLEM_SHOWN_MS);
  }
}
