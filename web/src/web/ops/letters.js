/** Events that services could not handle: looked into, tried again, or given up with a reason. */

import { html, nothing } from '/sdk/v1/vendor/lit.js';
import { SERVICES } from './dead_letters.js';
import { ServiceLetters } from './service_letters.js';
import { Failed } from './session.js';

export class Letters {
  isBusy = false;
  #services = SERVICES.map((service) => new ServiceLetters(service, this));
  #said = '';
  #turn = 0;

  /** @param {() => void} draw */
  constructor(draw) {
    this.draw = draw;
  }

  /** Throws SignedOut. */
  async load() {
    const turn = ++this.#turn;
    const answers = await Promise.all(this.#services.map((service) => service.ask()));
    // What was asked for before something was done is of the past.
    if (turn !== this.#turn) return;
    for (const take of answers) take();
    this.draw();
  }

  /** @param {string} words */
  say(words) {
    this.#said = words;
    this.draw();
  }

  /** @param {string} undone @param {() => Promise<string>} deed */
  async attempt(undone, deed) {
    if (this.isBusy) return;
    this.isBusy = true;
    this.draw();
    try {
      this.say(await deed());
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      this.say(`${undone}: ${error.message}`);
    } finally {
      this.isBusy = false;
      this.draw();
    }
    await this.load();
  }

  /**
   * What has the keyboard may go while the page is drawn, alone or with its letter: the letter has it then, or the one that
   * has come to its place, or the heading. It must not fall to the top of the page.
   * @param {() => void} render
   */
  keepKeyboard(render) {
    const had = document.activeElement;
    const around = /** @type {HTMLElement | null | undefined} */ (had?.closest('#letters .row, #letters .group'));
    const alike = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(`#letters .${around?.classList[0]}`)]);
    const place = around ? alike().indexOf(around) : -1;
    render();
    if (!around || had?.isConnected) return;
    (around.isConnected ? around : alike()[place] ?? document.getElementById('letters-heading'))?.focus();
  }

  /** @param {import('./live.js').Now | null} now */
  view(now) {
    const away = this.#services.filter(({ isAway }) => isAway);
    const isOld = away.some(({ isEmpty }) => !isEmpty);
    const total = (/** @type {string} */ name) => now?.services.find(({ service }) => service === name)?.parked;
    return html`
      <section class="panel wide" id="letters" aria-labelledby="letters-heading">
        <h2 id="letters-heading" tabindex="-1">Parked and dead</h2>
        <p role="status" class="said">${this.#said}</p>
        ${away.length ? html`<p class="quiet">Not known of ${away.map(({ service }) => service).join(', ')}: no answer.${isOld ? ' What is listed of them is as it was.' : ''}</p>` : nothing}
        ${this.#services.map((each) => (each.isEmpty ? nothing : each.view(total(each.service))))}
        ${this.#services.every(({ isEmpty }) => isEmpty) ? this.#nothing(away.length) : nothing}
      </section>`;
  }

  /** @param {number} away */
  #nothing(away) {
    if (away === SERVICES.length) return nothing;
    return html`<p class="quiet">${away ? 'Nothing is parked with the others.' : 'Nothing is parked.'}</p>`;
  }
}
