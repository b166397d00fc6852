/** One record as a row: its head says what it is and how it stands, and opens to the rest and to what can be done. */

import { element } from '../elements.js';
import { ago, exactly, money } from '../words.js';
import { signOf } from './states.js';

let rows = 0;

/** @typedef {import('./records.js').Item} Item */

export class Row {
  #kind;
  #toggle;
  #parts;
  #more;
  #facts = element('dl', { class: 'facts' });
  #controls;
  #when;

  /** @param {import('./records.js').Kind} kind @param {import('./desk.js').Desk} desk @param {Item} item */
  constructor(kind, desk, item) {
    this.#kind = kind;
    this.#controls = kind.controls?.(desk) ?? null;
    this.#when = new Date(kind.timeOf(item));
    this.#parts = {
      title: element('span', { class: 'record-title' }),
      amount: element('span', { class: 'amount' }),
      state: element('span', { class: 'state' }),
      time: element('time', { datetime: kind.timeOf(item), title: exactly(this.#when) }, ago(this.#when)),
    };
    const id = `record-${(rows += 1)}`;
    this.#more = element('div', { class: 'record-more', id });
    if (this.#controls) this.#more.append(this.#controls.node);
    this.#more.append(this.#facts);
    this.#toggle = element('button', { class: 'record-toggle', type: 'button', 'aria-controls': id }, ...Object.values(this.#parts));
    this.#toggle.addEventListener('click', () => this.#open(Boolean(this.#more.hidden)));
    this.node = element('li', { class: 'record' }, element('h3', {}, this.#toggle), this.#more);
    this.#open(kind.asks?.(item) ?? false);
  }

  /** @param {Item} item */
  render(item) {
    const { title, amount, state } = this.#parts;
    const hadFocus = this.#hasFocus;
    this.node.dataset.id = this.#kind.idOf(item);
    this.node.dataset.state = item.state ?? '';
    title.textContent = this.#kind.title(item);
    this.#renderAmount(amount, item);
    const { words, tone } = this.#kind.state(item);
    state.dataset.tone = tone;
    state.replaceChildren(element('span', { class: 'sign', 'aria-hidden': 'true' }, signOf(tone)), words);
    this.#renderFacts(this.#kind.facts(item));
    this.#controls?.render(item);
    // What had the keyboard may be gone; it must not fall to the top of the page.
    if (hadFocus && !(this.#hasFocus && document.activeElement?.checkVisibility())) this.#toggle.focus();
  }

  /** Open it and put the keyboard on what is to be done next, or on its head. */
  focus() {
    this.#open(true);
    const steps = /** @type {HTMLElement[]} */ ([...this.#more.querySelectorAll('[data-next]')]);
    const next = steps.find((part) => part.checkVisibility());
    (next ?? this.#toggle).focus({ preventScroll: true });
    this.node.scrollIntoView({ block: 'nearest' });
  }

  /** Time has passed. */
  age() {
    const words = ago(this.#when);
    if (this.#parts.time.textContent !== words) this.#parts.time.textContent = words;
  }

  get #hasFocus() {
    return this.#more.contains(document.activeElement);
  }

  /** @param {boolean} open */
  #open(open) {
    this.#more.hidden = !open;
    this.#toggle.setAttribute('aria-expanded', String(open));
  }

  /** @param {HTMLElement} node @param {Item} item */
  #renderAmount(node, { amount, currency, price }) {
    const shown = amount ?? price;
    const { signed = false } = this.#kind;
    const isLoss = Boolean(shown?.startsWith('-'));
    node.hidden = !shown;
    if (!shown) return;
    node.textContent = money(shown, currency, signed);
    node.classList.toggle('loss', isLoss);
    node.classList.toggle('gain', signed && !isLoss);
  }

  /** @param {[string, string | null | undefined][]} facts */
  #renderFacts(facts) {
    const filled = facts.flatMap(([term, text]) => (text ? [element('div', {}, element('dt', {}, term), element('dd', {}, text))] : []));
    this.#facts.replaceChildren(...filled);
  }
}
