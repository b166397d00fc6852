/** One record as a row: its head says what it is and how it stands, and opens to the rest and to what can be done. */

import { element } from '../elements.js';
import { ago, exactly, isLoss, money } from '../format.js';
import { signOf } from './states.js';

let rows = 0;

export class Row {
  #kind;
  #toggle;
  #parts;
  #more;
  #facts = element('dl', { class: 'facts' });
  #controls;

  /** @param {import('./records.js').Kind} kind @param {object} desk @param {object} item */
  constructor(kind, desk, item) {
    this.#kind = kind;
    this.#controls = kind.controls?.(desk) ?? null;
    const when = new Date(kind.timeOf(item));
    this.#parts = {
      title: element('span', { class: 'record-title' }),
      amount: element('span', { class: 'amount' }),
      state: element('span', { class: 'state' }),
      time: element('time', { datetime: kind.timeOf(item), title: exactly(when) }, ago(when)),
    };
    const id = `record-${(rows += 1)}`;
    this.#more = element('div', { class: 'record-more', id });
    if (this.#controls) this.#more.append(this.#controls.node);
    this.#more.append(this.#facts);
    this.#toggle = element('button', { class: 'record-toggle', type: 'button', 'aria-controls': id }, ...Object.values(this.#parts));
    this.#toggle.addEventListener('click', () => this.#open(this.#more.hidden));
    this.node = element('li', { class: 'record' }, element('h3', {}, this.#toggle), this.#more);
    this.#open(kind.asks?.(item) ?? false);
  }

  render(item) {
    const { title, amount, state } = this.#parts;
    const hadFocus = this.#more.contains(document.activeElement);
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
    const kept = this.#more.contains(document.activeElement) && document.activeElement.checkVisibility();
    if (hadFocus && !kept) this.#toggle.focus();
  }

  /** Open it and put the keyboard on what is to be done next, or on its head. */
  focus() {
    this.#open(true);
    const next = [...this.#more.querySelectorAll('[data-next]')].find((part) => part.checkVisibility());
    (next ?? this.#toggle).focus({ preventScroll: true });
    this.node.scrollIntoView({ block: 'nearest' });
  }

  #open(open) {
    this.#more.hidden = !open;
    this.#toggle.setAttribute('aria-expanded', String(open));
  }

  #renderAmount(node, { amount, currency, price }) {
    const shown = amount ?? price;
    const { signed } = this.#kind;
    node.hidden = !shown;
    if (!shown) return;
    node.textContent = money(shown, currency, { signed });
    node.classList.toggle('loss', isLoss(shown));
    node.classList.toggle('gain', Boolean(signed) && !isLoss(shown));
  }

  #renderFacts(facts) {
    const filled = facts.filter(([, text]) => text);
    this.#facts.replaceChildren(...filled.map(([term, text]) => element('div', {}, element('dt', {}, term), element('dd', {}, text))));
  }
}
