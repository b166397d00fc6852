/** A short text that is meant to be typed elsewhere, large, with a button that copies it. */

import { element, hiddenWord, plainButton } from '../elements.js';
import { say } from '../words.js';

const SAID_MS = 2_000;

export class Copy {
  #text = element('output', { class: 'copy-text' });
  #words = element('span', {}, say('copy'));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {string} label @param {string} name its class @param {string} what the button copies, for those who listen */
  constructor(label, name, what) {
    const button = plainButton('');
    button.append(this.#words, hiddenWord(` ${what}`));
    button.addEventListener('click', () => this.#copy());
    this.node = element('div', { class: `copy ${name}`, hidden: '' }, element('span', { class: 'copy-label' }, label), this.#text, button);
  }

  /** @param {string | null | undefined} text */
  render(text) {
    this.node.hidden = !text;
    if (this.#text.textContent !== (text ?? '')) this.#text.textContent = text ?? '';
  }

  async #copy() {
    clearTimeout(this.#timer);
    try {
      await navigator.clipboard.writeText(this.#text.textContent);
      this.#words.textContent = say('copied');
    } catch {
      // No clipboard without https, or not allowed: marked, it is one key press away.
      getSelection()?.selectAllChildren(this.#text);
      this.#words.textContent = say('marked');
    }
    this.#timer = setTimeout(() => (this.#words.textContent = say('copy')), SAID_MS);
  }
}
