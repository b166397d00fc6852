/** Where in a chart a moment and a latency are: time runs to the right, milliseconds grow by decades. */

/** A quarter of an hour at most; where less is known, a minute or five. */
export const SPANS_S = [60, 5 * 60, 15 * 60];
export const LONGEST_S = SPANS_S[2];
export const LOWEST_MS = 1;
export const HIGHEST_MS = 10_000;
const GAP_S = 10;

/** @typedef {{left: number, right: number, top: number, bottom: number}} Frame */

/** The shortest that holds everything since then. @param {number} first @param {number} now both in seconds */
export function spanSince(first, now) {
  return SPANS_S.find((span) => now - first <= span) ?? LONGEST_S;
}

/** @param {number} at @param {number} now both in seconds @param {number} span @param {Frame} frame */
export function across(at, now, span, { left, right }) {
  return left + (right - left) * Math.max(0, 1 - (now - at) / span);
}

/** What is beyond the decades shown lies on their edge. @param {number} ms @param {Frame} frame */
export function up(ms, { top, bottom }) {
  const decades = Math.log10(HIGHEST_MS / LOWEST_MS);
  const share = Math.log10(Math.min(HIGHEST_MS, Math.max(LOWEST_MS, ms)) / LOWEST_MS) / decades;
  return bottom - (bottom - top) * share;
}

/**
 * The path of a line. It is broken where nothing came for ten seconds; a point that stands alone is a dot.
 * @param {[number, number][]} points seconds and milliseconds, in the order of time
 * @param {number} now @param {number} span @param {Frame} frame
 */
export function line(points, now, span, frame) {
  let path = '';
  let lastAt = -Infinity;
  for (const [at, ms] of points) {
    if (now - at > span) continue;
    const place = `${across(at, now, span, frame).toFixed(1)} ${up(ms, frame).toFixed(1)}`;
    path += at - lastAt > GAP_S ? `M${place}h0` : `L${place}`;
    lastAt = at;
  }
  return path;
}
