/** What the monitor found unusual, newest first. */

import { html } from '/sdk/v1/vendor/lit.js';
import { time } from './format.js';

const STATES = /** @type {Record<string, string>} */ ({ logged: 'only logged', open: 'waits for its user', confirmed: '“This was me”', disputed: '“Not me”' });

/** @typedef {{flag_id: string, user_id: string, seen: string, state: string, rules: string[] | null, score: number | null, occurred_at: string}} Flag */

/** @param {Flag[] | null} items @param {(what: string) => void} find */
export function flags(items, find) {
  return html`
    <section class="panel wide" aria-labelledby="flags-heading">
      <h2 id="flags-heading">Unusual activity</h2>
      ${items === null ? html`<p class="quiet">Not known: the monitor did not answer.</p>` : items.length === 0 ? html`<p class="quiet">Nothing so far.</p>` : html`
        <ul class="rows">${items.map((flag) => html`
          <li class="row">
            <div class="head"><button class="plain" type="button" @click=${() => find(flag.user_id)}>${flag.user_id}</button>
              <span class="quiet">${(flag.rules ?? []).join(', ')}, score ${flag.score ?? '–'}, ${time(flag.occurred_at)}</span></div>
            <p>${flag.seen} <span class="badge ${flag.state === 'disputed' ? 'open' : ''}">${STATES[flag.state] ?? flag.state}</span></p>
          </li>`)}
        </ul>`}
    </section>`;
}
