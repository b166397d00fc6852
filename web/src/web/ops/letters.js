/** Events that a service could not handle: tried again, or given up with a reason. */

import { html, nothing } from '/sdk/v1/vendor/lit.js';
import { count, counted, time } from './format.js';
import { Failed, ask } from './session.js';

const SERVICES = ['credit', 'monitor', 'notifier', 'payment', 'refund'];

/** @typedef {{id: string, service: string, type: string, reason: string, attempts: number, first_at: string, last_at: string, state: string}} Letter */

export class Letters {
  /** @type {Letter[]} */
  #items = [];
  /** @type {{service: string, dead: number}[]} */
  #dead = [];
  /** Those that are not known, because their service did not answer. @type {string[]} */
  #away = [];
  /** The one whose reason is being asked for. */
  #discarding = '';
  #said = '';
  #isBusy = false;
  #turn = 0;
  #draw;

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  /** Throws SignedOut. */
  async load() {
    const turn = ++this.#turn;
    const answers = await Promise.allSettled(SERVICES.map((service) => ask(`/v1/dead-letters/${service}?state=parked&limit=20`)));
    const known = answers.flatMap((answer, n) => (answer.status === 'fulfilled' ? [{ service: SERVICES[n], ...answer.value }] : []));
    for (const answer of answers) if (answer.status === 'rejected' && !(answer.reason instanceof Failed)) throw answer.reason;
    // What was asked for before something was done is of the past.
    if (turn !== this.#turn) return;
    this.#items = known.flatMap(({ items }) => items);
    this.#dead = known.filter(({ dead }) => dead > 0);
    this.#away = SERVICES.filter((_, n) => answers[n].status === 'rejected');
    this.#draw();
  }

  /** @param {string} what @param {string} path @param {object} post @param {(answer: any) => string} say */
  async #act(what, path, post, say) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      this.#said = say(await ask(path, { post }));
      this.#discarding = '';
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      this.#said = `${what}: ${error.message}`;
    } finally {
      this.#isBusy = false;
    }
    await this.load();
  }

  /** @param {Letter} letter */
  #replay(letter) {
    return this.#act(`${letter.type} was not replayed`, `/v1/dead-letters/${letter.service}/${letter.id}/replay`, {}, (now) =>
      now.state === 'handled' ? `${letter.type} is handled.` : `${letter.type} was tried, and is ${now.state}: ${now.reason}`,
    );
  }

  /** @param {Letter} letter @param {SubmitEvent} event */
  #discard(letter, event) {
    event.preventDefault();
    const reason = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('reason')).trim();
    if (!reason) {
      this.#said = 'Say why it need never be handled.';
      this.#draw();
      return undefined;
    }
    const path = `/v1/dead-letters/${letter.service}/${letter.id}/discard`;
    return this.#act(`${letter.type} was not discarded`, path, { reason }, () => `${letter.type} is discarded.`);
  }

  /** @param {string} service */
  #collect(service) {
    return this.#act('Nothing was collected', `/v1/dead-letters/${service}/collect`, {}, ({ collected }) => `${count(collected)} collected from ${service}.`);
  }

  /** @param {string} id */
  #askWhy(id) {
    this.#discarding = this.#discarding === id ? '' : id;
    this.#said = '';
    this.#draw();
  }

  /**
   * What has the keyboard may go with its letter: the one that has come to its place has it then, or the heading. It must
   * not fall to the top of the page.
   * @param {() => void} render
   */
  keepKeyboard(render) {
    const rows = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll('#letters .row')]);
    const had = document.activeElement;
    const isHere = Boolean(had?.closest('#letters'));
    const place = rows().findIndex((row) => row.contains(had));
    render();
    if (isHere && !had?.isConnected) (rows()[place] ?? document.getElementById('letters-heading'))?.focus();
  }

  view() {
    return html`
      <section class="panel wide" id="letters" aria-labelledby="letters-heading">
        <h2 id="letters-heading" tabindex="-1">Parked and dead</h2>
        <p role="status" class="said">${this.#said}</p>
        ${this.#away.length ? html`<p class="quiet">Not known of ${this.#away.join(', ')}: no answer.</p>` : nothing}
        ${this.#dead.map(({ service, dead }) => html`
          <p>${counted(dead, 'event')} of ${service} lie dead on the broker.
            <button class="plain" type="button" @click=${() => this.#collect(service)}>Collect from ${service}</button></p>`)}
        ${this.#items.length ? html`<ul class="rows">${this.#items.map((letter) => this.#row(letter))}</ul>` : this.#nothing()}
      </section>`;
  }

  #nothing() {
    if (this.#away.length === SERVICES.length) return nothing;
    return html`<p class="quiet">${this.#away.length ? 'Nothing is parked with the others.' : 'Nothing is parked.'}</p>`;
  }

  /** @param {Letter} letter */
  #row(letter) {
    const isAsked = this.#discarding === letter.id;
    return html`
      <li class="row" tabindex="-1">
        <div class="head"><b>${letter.service}</b> <code>${letter.type}</code> <span class="quiet">${counted(letter.attempts, 'try').replace('trys', 'tries')}, ${between(letter)}</span></div>
        <p>${letter.reason}</p>
        <div class="deeds">
          <button class="plain" type="button" @click=${() => this.#replay(letter)}>Replay<span class="visually-hidden"> ${letter.type} ${letter.id}</span></button>
          <button class="plain" type="button" aria-expanded=${isAsked} @click=${() => this.#askWhy(letter.id)}>Discard<span class="visually-hidden"> ${letter.type} ${letter.id}</span></button>
        </div>
        ${isAsked ? html`
          <form class="inline" novalidate @submit=${(/** @type {SubmitEvent} */ event) => this.#discard(letter, event)}>
            <div class="field"><label for="reason">Reason, kept with your name</label><input id="reason" name="reason" maxlength="500" required autocomplete="off"></div>
            <button class="primary" type="submit">Discard for good</button>
          </form>` : nothing}
      </li>`;
  }
}

/** @param {Letter} letter */
function between({ first_at: first, last_at: last }) {
  return time(first) === time(last) ? time(first) : `${time(first)} to ${time(last)}`;
}
