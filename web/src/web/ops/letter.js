/** One dead letter in its row: what is known of it, what it holds, and what can be done with it. */

import { html, nothing } from '/sdk/v1/vendor/lit.js';
import { count, counted, time } from './format.js';

/** @typedef {{id: string, service: string, queue: string, type: string, reason: string, attempts: number, first_at: string, last_at: string, state: string}} Letter */
/** @typedef {{headers: Record<string, string>, data: unknown, bytes: number}} Contents */
/** What of it is open. @typedef {{isShown: boolean, contents: Contents | null, isDiscarding: boolean}} Look */
/** @typedef {{replay: (letter: Letter) => void, discard: (letter: Letter, reason: string) => void, show: (letter: Letter) => void, askWhy: (letter: Letter) => void}} Deeds */

/** @type {Look} */
export const CLOSED = { isShown: false, contents: null, isDiscarding: false };

/** @param {Letter} letter @param {Look} look @param {boolean} isBusy @param {Deeds} deeds */
export function row(letter, look, isBusy, deeds) {
  const which = html`<span class="visually-hidden"> ${letter.type} ${letter.id}</span>`;
  return html`
    <div class="row" role="listitem" tabindex="-1">
      <div class="head"><code>${letter.type}</code> <span class="quiet">${tries(letter)}, ${between(letter)}</span>
        ${letter.state === 'parked' ? nothing : html`<span class="badge open">${letter.state}</span>`}</div>
      <p>${letter.reason}</p>
      <div class="deeds">
        <button class="plain" type="button" aria-expanded=${look.isShown} @click=${() => deeds.show(letter)}>Details<span class="visually-hidden"> of</span>${which}</button>
        <button class="plain" type="button" aria-disabled=${isBusy} @click=${() => deeds.replay(letter)}>Replay${which}</button>
        <button class="plain" type="button" aria-expanded=${look.isDiscarding} @click=${() => deeds.askWhy(letter)}>Discard${which}</button>
      </div>
      ${look.isShown ? details(letter, look.contents) : nothing}
      ${look.isDiscarding ? reason(letter, isBusy, deeds) : nothing}
    </div>`;
}

/** @param {Letter} letter @param {Contents | null} contents */
function details(letter, contents) {
  return html`
    <dl class="facts">
      <div><dt>Id</dt><dd><code>${letter.id}</code></dd></div>
      <div><dt>Parked from</dt><dd><code>${letter.queue}</code></dd></div>
      <div><dt>Tried</dt><dd>${tries(letter)}, now ${letter.state}</dd></div>
      <div><dt>First</dt><dd><time datetime=${letter.first_at}>${time(letter.first_at)}</time></dd></div>
      <div><dt>Last</dt><dd><time datetime=${letter.last_at}>${time(letter.last_at)}</time></dd></div>
      ${contents === null ? nothing : html`
        <div><dt>Headers</dt>${Object.entries(contents.headers).map(([name, value]) => html`<dd><code>${name}: ${value}</code></dd>`)}</div>
        <div><dt>Data</dt><dd>${data(letter, contents)}</dd></div>`}
    </dl>
    ${contents === null ? html`<p class="quiet">Loading …</p>` : nothing}`;
}

/** @param {Letter} letter @param {Contents} contents */
function data(letter, { data: shown, bytes }) {
  if (shown === null) return html`<span class="quiet">No JSON object, ${counted(bytes, 'byte')}.</span>`;
  const label = `Data of ${letter.type} ${letter.id}, without secrets`;
  return html`<pre class="data" role="group" tabindex="0" aria-label=${label}>${JSON.stringify(shown, null, 2)}</pre>`;
}

/** @param {Letter} letter @param {boolean} isBusy @param {Deeds} deeds */
function reason(letter, isBusy, { discard }) {
  const id = `reason-${letter.service}-${letter.id}`;
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    discard(letter, String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('reason')).trim());
  };
  return html`
    <form class="inline" novalidate @submit=${submit}>
      <div class="field"><label for=${id}>Reason, kept with your name</label><input id=${id} name="reason" maxlength="200" required autocomplete="off"></div>
      <button class="primary" type="submit" aria-disabled=${isBusy}>Discard for good</button>
    </form>`;
}

/** @param {Letter} letter */
const tries = ({ attempts }) => (attempts === 1 ? '1 try' : `${count(attempts)} tries`);

/** @param {Letter} letter */
function between({ first_at: first, last_at: last }) {
  return time(first) === time(last) ? time(first) : `${time(first)} to ${time(last)}`;
}
