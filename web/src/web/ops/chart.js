/** One lane's latency over the last fifteen minutes, or as much of them as is known. */

import { html } from '/sdk/v1/vendor/lit.js';
import { milliseconds } from './format.js';
import { line, up } from './scale.js';

const FRAME = { left: 46, right: 352, top: 10, bottom: 130 };
const DECADES = /** @type {const} */ ([[1, '1 ms'], [10, '10 ms'], [100, '100 ms'], [1000, '1 s'], [10_000, '10 s']]);
const GRID = DECADES.map(([ms]) => `M${FRAME.left} ${up(ms, FRAME)}H${FRAME.right}`).join('');

/**
 * @param {string} lane @param {import('./live.js').Point[]} points @param {number} now @param {number} span in seconds
 * @param {import('./live.js').Lane} last
 */
export function chart(lane, points, now, span, last) {
  const measured = points.filter((point) => lane in point.latency);
  const p50 = measured.map((point) => /** @type {[number, number]} */ ([point.at, point.latency[lane][1]]));
  const p99 = measured.map((point) => /** @type {[number, number]} */ ([point.at, point.latency[lane][2]]));
  const worst = Math.max(...p99.map(([, ms]) => ms));
  const said = measured.length
    ? `p50 ${milliseconds(last.p50_ms)} and p99 ${milliseconds(last.p99_ms)} in the last minute, p99 at most ${milliseconds(worst)} in the last fifteen`
    : 'nothing was pushed in the last fifteen minutes';
  return html`
    <figure class="chart">
      <figcaption><b>${lane}</b> <span class="quiet">p50 ${milliseconds(last.p50_ms)} · p99 ${milliseconds(last.p99_ms)}</span></figcaption>
      <svg viewBox="0 0 360 152" role="img" aria-label="${lane}: ${said}">
        <path class="grid" d=${GRID}></path>
        <text x="40" y=${up(1, FRAME) + 4}>${DECADES[0][1]}</text>
        <text x="40" y=${up(10, FRAME) + 4}>${DECADES[1][1]}</text>
        <text x="40" y=${up(100, FRAME) + 4}>${DECADES[2][1]}</text>
        <text x="40" y=${up(1000, FRAME) + 4}>${DECADES[3][1]}</text>
        <text x="40" y=${up(10_000, FRAME) + 4}>${DECADES[4][1]}</text>
        <text class="first" x=${FRAME.left} y="148">${span / 60} min ago</text>
        <text x=${FRAME.right} y="148">now</text>
        <path class="line p99" d=${line(p99, now, span, FRAME)}></path>
        <path class="line p50" d=${line(p50, now, span, FRAME)}></path>
      </svg>
    </figure>`;
}
