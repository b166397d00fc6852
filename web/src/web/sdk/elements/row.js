/** One notification in a list, as a template: its words are text, whatever they contain. */

import { html, nothing } from '../vendor/lit.js';
import { linkOf } from './link.js';
import { timesIn } from './times.js';

/** @typedef {import('../types.js').Notification} Notification */

/**
 * @param {import('./base.js').LedgerbellElement} host @param {Notification} item
 * @param {{begins: boolean, reachable: boolean, exact: boolean}} how `begins`: a day; `reachable`: by the Tab key;
 *   `exact`: say when instead of how long ago
 */
export function rowOf(host, item, { begins, reachable, exact }) {
  const { words } = host;
  const { seq, title, read } = item;
  const times = timesIn(words.locale);
  const when = new Date(item.occurred_at);
  const tab = reachable ? 0 : -1;
  return html`
    <article data-seq=${seq} tabindex=${tab} aria-labelledby="t${seq}" aria-describedby="a${seq} b${seq} m${seq}">
      ${begins ? html`<h3 class="day soft small" part="day">${times.day(when)}</h3>` : nothing}
      <div class="row ${read ? '' : 'unread'}" part="row">
        <button class="mark" type="button" tabindex=${tab} ?hidden=${read} title=${words.say('read')}>
          <span class="aside">${words.say('read')}: <span lang="en">${title}</span></span>
        </button>
        <span class="icon" aria-hidden="true">${item.icon}</span>
        <div>
          <div class="head">
            <h4 id="t${seq}" part="title"><span class="aside" ?hidden=${read}>${words.say('unread')}: </span><span lang="en">${title}</span></h4>
            ${amountOf(host, item)}
          </div>
          <p class="soft" id="b${seq}" part="body" lang="en">${item.body}</p>
          <p class="soft small" id="m${seq}">
            <time datetime=${item.occurred_at} title=${times.exactly(when)}>${exact ? times.exactly(when) : times.ago(when) || words.say('now')}</time>
            ${linkOf(host, item, tab, '· ')}
          </p>
        </div>
      </div>
    </article>
  `;
}

/** @param {import('./base.js').LedgerbellElement} host @param {Notification} item */
function amountOf({ words }, { seq, amount, currency }) {
  if (!amount || !currency) return nothing;
  return html`<p class="amount ${amount.startsWith('-') ? 'loss' : 'gain'}" part="amount" id="a${seq}">${words.money(amount, currency, true)}</p>`;
}
