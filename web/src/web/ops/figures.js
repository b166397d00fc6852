/** What is live: the tiles, a chart a lane, and the tables of lanes, gateways and services. */

import { html, nothing } from '/sdk/v1/vendor/lit.js';
import { chart } from './chart.js';
import { age, count, counted, percentage, rate, time } from './format.js';
import { spanSince } from './scale.js';
import { parkedInAll } from './totals.js';

/** @typedef {import('./live.js').Now} Now */
/** @typedef {{kind: string, stated: number, holes: number}} Kind */
/**
 * @typedef {{complete: boolean, percent: number, stated: number, holes: number, kinds: Kind[], statements_missing: number,
 *   oldest: {transfer_id: string, created_at: string, kind: string} | null, stated_until: string | null}} Coverage
 */

/** @param {string} name @param {unknown} figure @param {unknown} more @param {string} [sort] */
const tile = (name, figure, more, sort = '') => html`
  <div class="tile ${sort}"><dt>${name}</dt><dd><span class="figure">${figure}</span> <span class="quiet">${more}</span></dd></div>`;

/** @param {Now | null} now @param {Coverage | null} coverage */
export function tiles(now, coverage) {
  const tabs = now?.gateways.reduce((sum, gateway) => sum + gateway.tabs, 0);
  return html`
    <dl class="tiles">
      ${coverage === null
        ? tile('Coverage', '–', 'not known')
        : tile('Coverage', percentage(coverage.percent), `of ${counted(coverage.stated, 'transfer')}`, coverage.complete ? 'well' : 'alarm')}
      ${tile('Stored', rate(now?.stored), 'a second')}
      ${tile('Pushed', rate(now?.pushed), 'a second')}
      ${tile('Connected', count(tabs), now ? `${tabs === 1 ? 'tab' : 'tabs'} at ${counted(now.gateways.length, 'gateway')}` : '')}
      ${now === null ? tile('Parked', count(null), 'not known') : parkedTile(now)}
    </dl>`;
}

/** @param {Now} now */
function parkedTile(now) {
  const { figure, isAtLeast, more, sort } = parkedInAll(now.services);
  return tile('Parked', html`${isAtLeast ? html`<small>at least </small>` : nothing}${count(figure)}`, more, sort);
}

/** @param {Coverage | null} coverage @param {(what: string) => void} find */
export function holes(coverage, find) {
  if (coverage === null || coverage.complete) return nothing;
  const { oldest, stated_until: until } = coverage;
  return html`
    <section class="panel alarm" aria-labelledby="holes-heading">
      <h2 id="holes-heading">${lacking(coverage)}</h2>
      ${oldest === null ? nothing : html`<p>The oldest is of ${time(oldest.created_at)}, a ${oldest.kind}:
        <button class="plain" type="button" @click=${() => find(oldest.transfer_id)}>${oldest.transfer_id}</button></p>`}
      ${coverage.kinds.some((kind) => kind.holes) ? html`<p>By kind: ${coverage.kinds.filter((kind) => kind.holes).map((kind) => `${kind.kind} ${count(kind.holes)}`).join(', ')}.</p>` : nothing}
      ${coverage.statements_missing ? html`<p>${counted(coverage.statements_missing, 'statement')} of the ledger missing.</p>` : nothing}
      ${until === null || !(coverage.holes || coverage.statements_missing) ? nothing : html`<p>Known until ${time(until)}.</p>`}
    </section>`;
}

/** @param {Coverage} coverage */
function lacking({ holes: unshown, statements_missing: missing, stated_until: until }) {
  if (unshown) return `${counted(unshown, 'transfer')} not shown to anybody`;
  if (missing) return 'Coverage is not complete';
  // Nothing is missing of what was stated: it is the statements that have stopped.
  return until === null ? 'The ledger has stated nothing yet' : `The ledger has not been heard since ${time(until)}`;
}

/** @param {Now} now @param {import('./live.js').Point[]} points */
export function latency(now, points) {
  const first = points.find((point) => Object.keys(point.latency).length > 0);
  const span = spanSince(first?.at ?? now.at, now.at);
  return html`
    <section class="panel" aria-labelledby="latency-heading">
      <h2 id="latency-heading">From commit to tab</h2>
      <p class="quiet legend"><span class="key p50">p50</span> <span class="key p99">p99</span> <span>figures: the last minute</span></p>
      <div class="charts">${Object.entries(now.lanes).map(([lane, last]) => chart(lane, points, now.at, span, last))}</div>
    </section>`;
}

/** @param {Now} now */
export function lanes(now) {
  return html`
    <section class="panel" aria-labelledby="lanes-heading">
      <h2 id="lanes-heading">Lanes</h2>
      <table>
        <thead><tr><th scope="col">Lane</th><th scope="col" class="number">Waiting</th><th scope="col" class="number">Age</th><th scope="col" class="number">Pushed in a minute</th></tr></thead>
        <tbody>${Object.entries(now.lanes).map(([name, lane]) => html`
          <tr><th scope="row">${name}</th><td class="number">${count(lane.depth)}</td><td class="number">${age(lane.age_s)}</td><td class="number">${count(lane.count)}</td></tr>`)}
        </tbody>
      </table>
    </section>`;
}

/** @param {Now} now */
export function gateways(now) {
  return html`
    <section class="panel" aria-labelledby="gateways-heading">
      <h2 id="gateways-heading">Gateways</h2>
      <table>
        <thead><tr><th scope="col">Process</th><th scope="col" class="number">Tabs</th><th scope="col" class="number">Users</th></tr></thead>
        <tbody>${now.gateways.map((gateway) => html`
          <tr><th scope="row"><code>${gateway.process}</code></th><td class="number">${count(gateway.tabs)}</td><td class="number">${count(gateway.users)}</td></tr>`)}
        </tbody>
      </table>
    </section>`;
}

/** @param {Now} now */
export function services(now) {
  return html`
    <section class="panel" aria-labelledby="services-heading">
      <h2 id="services-heading">Services</h2>
      <table>
        <thead><tr><th scope="col">Service</th><th scope="col" class="number">Processes</th><th scope="col" class="number">Parked</th><th scope="col" class="number">Dead</th></tr></thead>
        <tbody>${now.services.map((service) => html`
          <tr><th scope="row">${service.service}</th>
            <td class="number">${service.processes || html`<strong class="loss">${silent(service)}</strong>`}</td>
            <td class="number">${service.parks ? count(service.parked) : nothing}</td>
            <td class="number">${service.parks ? count(service.dead) : nothing}</td></tr>`)}
        </tbody>
      </table>
    </section>`;
}

/** @param {import('./live.js').Service} service */
const silent = ({ silent_s: seconds }) => (seconds === null ? 'not heard of' : `silent for ${age(seconds)}`);
