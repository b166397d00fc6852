/** A short text that is meant to be typed elsewhere, large, with a button that copies it. */

import { element, hiddenWord } from '../elements.js';

const SAID_MS = 2_000;

export class Copy {
  #text = element('output', { class: 'copy-text' });
  #words = element('span', {}, 'Copy');
  #timer = 0;

  /** @param {string} label @param {string} name its class, and what the button says it copies */
  constructor(label, name) {
    const button = element('button', { class: 'plain', type: 'button' }, this.#words, hiddenWord(` the ${name}`));
    button.addEventListener('click', () => this.#copy());
    this.node = element('div', { class: `copy ${name}`, hidden: '' }, element('span', { class: 'copy-label' }, label), this.#text, button);
  }

  render(text) {
    this.node.hidden = !text;
    if (this.#text.textContent !== (text ?? '')) this.#text.textContent = text ?? '';
  }

  async #copy() {
    clearTimeout(this.#timer);
    try {
      await navigator.clipboard.writeText(this.#text.textContent);
      this.#words.textContent = 'Copied';
    } catch {
      // No clipboard without https, or not allowed: marked, it is one key press away.
      getSelection().selectAllChildren(this.#text);
      this.#words.textContent = 'Marked: press Ctrl+C';
    }
    this.#timer = setTimeout(() => (this.#words.textContent = 'Copy'), SAID_MS);
  }
}
