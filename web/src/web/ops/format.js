/** Figures, times and durations as they are read. */

const COUNT = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const RATE = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
const UNKNOWN = '–';

/** @param {number | null | undefined} n */
export const count = (n) => (n == null ? UNKNOWN : COUNT.format(n));

/** @param {number | null | undefined} n */
export const rate = (n) => (n == null ? UNKNOWN : RATE.format(n));

/** @param {number | null | undefined} ms */
export function milliseconds(ms) {
  if (ms == null) return UNKNOWN;
  return ms < 1000 ? `${RATE.format(ms)} ms` : `${RATE.format(ms / 1000)} s`;
}

/** @param {number | null | undefined} seconds */
export function age(seconds) {
  if (seconds == null) return UNKNOWN;
  if (seconds < 60) return milliseconds(seconds * 1000);
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${RATE.format(seconds / 3600)} h`;
}

/** @param {string} at RFC 3339 */
export const time = (at) => TIME.format(new Date(at));

/** @param {string} at RFC 3339 */
export const day = (at) => DAY.format(new Date(at));

/** With milliseconds. @param {string} at RFC 3339 */
export const clock = (at) => CLOCK.format(new Date(at));

/** Cut, not rounded: 99.999 is not all. @param {number} percent */
export const percentage = (percent) => `${(Math.floor(percent * 100) / 100).toFixed(2)} %`;

/** @param {number} n @param {string} word */
export const counted = (n, word) => `${COUNT.format(n)} ${word}${n === 1 ? '' : 's'}`;
