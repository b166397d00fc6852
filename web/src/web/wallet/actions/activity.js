/** Unusual activity: what was seen, and its owner's answer to it. */

import { complaint, element } from '../elements.js';
import { say } from '../words.js';
import { Intent } from './intent.js';
import { attempt } from './outcome.js';
import { activityState } from './states.js';

const PATH = '/v1/activity';

/** @type {import('./records.js').Kind} */
export const ACTIVITY = {
  path: PATH,
  empty: 'noActivity',
  idOf: (item) => item.flag_id,
  timeOf: (item) => item.occurred_at,
  title: (item) => item.seen,
  state: activityState,
  facts: () => [],
  asks: (item) => item.state === 'open',
  controls: (desk) => new ActivityControls(desk),
};

/** @param {'thisWasMe' | 'notMe'} words */
const answer = (words) => element('button', { class: 'answer', type: 'button' }, say(words));

class ActivityControls {
  #desk;
  #intent;
  #note = element('p', { class: 'quiet' });
  #confirm = answer('thisWasMe');
  #dispute = answer('notMe');
  #words = complaint();
  #id = '';

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#confirm.addEventListener('click', () => attempt(this.#confirm, this.#words, () => this.#answer('confirm')));
    this.#dispute.addEventListener('click', () => attempt(this.#dispute, this.#words, () => this.#answer('dispute')));
    this.node = element('div', {}, this.#note, element('div', { class: 'answers' }, this.#confirm, this.#dispute), this.#words);
  }

  /** @param {import('./records.js').Item} item */
  render({ flag_id: id, state, freezes }) {
    this.#id = id;
    this.#note.textContent = say(state === 'disputed' ? (freezes ? 'frozenNote' : 'disputedNote') : 'activityNote');
    this.#confirm.hidden = state !== 'open';
    // Whoever has taken the account over may have confirmed it.
    this.#dispute.hidden = state === 'disputed';
  }

  /** @param {'confirm' | 'dispute'} how */
  async #answer(how) {
    this.#desk.answered(await this.#intent.send(`${PATH}/${this.#id}/${how}`));
  }
}
