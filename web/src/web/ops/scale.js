/** Where in a chart a moment and a latency are: time runs to the right, milliseconds grow by decades. */

export const SPAN_S = 15 * 60;
export const LOWEST_MS = 1;
export const HIGHEST_MS = 10_000;
const GAP_S = 10;

/** @typedef {{left: number, right: number, top: number, bottom: number}} Frame */

/** @param {number} at @param {number} now both in seconds @param {Frame} frame */
export function across(at, now, { left, right }) {
  return left + (right - left) * Math.max(0, 1 - (now - at) / SPAN_S);
}

/** What is beyond the decades shown lies on their edge. @param {number} ms @param {Frame} frame */
export function up(ms, { top, bottom }) {
  const decades = Math.log10(HIGHEST_MS / LOWEST_MS);
  const share = Math.log10(Math.min(HIGHEST_MS, Math.max(LOWEST_MS, ms)) / LOWEST_MS) / decades;
  return bottom - (bottom - top) * share;
}

/**
 * The path of a line. It is broken where nothing came for ten seconds; a point that stands alone is a dot.
 * @param {[number, number][]} points seconds and milliseconds, in the order of time @param {number} now @param {Frame} frame
 */
export function line(points, now, frame) {
  let path = '';
  let lastAt = -Infinity;
  for (const [at, ms] of points) {
    if (now - at > SPAN_S) continue;
    const place = `${across(at, now, frame).toFixed(1)} ${up(ms, frame).toFixed(1)}`;
    path += at - lastAt > GAP_S ? `M${place}h0` : `L${place}`;
    lastAt = at;
  }
  return path;
}
