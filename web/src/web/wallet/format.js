/** Money and time as a person reads them; decimal strings stay exact because no float is ever made of them. */

const LOCALE = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto', style: 'long' });
const exact = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'full', timeStyle: 'medium' });
const time = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'short' });
const day = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium' });
/** @type {Map<string, Intl.NumberFormat>} Making a formatter costs a hundred times what using one does. */
const formatters = new Map();

const STEPS = [
  ['minute', 60],
  ['hour', 3_600],
  ['day', 86_400],
];
const WEEK_SECONDS = 7 * 86_400;

/** @param {string} amount decimal string @param {string} currency @param {{signed?: boolean, short?: boolean}} options */
export function money(amount, currency, { signed = false, short = false } = {}) {
  return formatter(currency, signed ? 'exceptZero' : 'negative', short).format(amount).replace('-', '−');
}

export const isLoss = (amount) => amount.startsWith('-');

export const isZero = (amount) => /^-?0*\.?0*$/.test(amount);

export function ago(when, now = Date.now()) {
  const seconds = Math.max(0, (now - when.getTime()) / 1000);
  if (seconds < 45) return 'just now';
  if (seconds >= WEEK_SECONDS) return day.format(when);
  const [unit, length] = STEPS.findLast(([, step]) => seconds >= step) ?? STEPS[0];
  return relative.format(-Math.max(1, Math.floor(seconds / length)), unit);
}

export const exactly = (when) => exact.format(when);

export const clock = (when) => time.format(when);

function formatter(currency, signDisplay, short) {
  const key = `${currency} ${signDisplay} ${short}`;
  if (!formatters.has(key)) formatters.set(key, make(currency, signDisplay, short));
  return formatters.get(key);
}

/** Short: without the cents, where there are none. */
function make(currency, signDisplay, short) {
  const trailingZeroDisplay = short ? 'stripIfInteger' : 'auto';
  return new Intl.NumberFormat(LOCALE, { style: 'currency', currency, signDisplay, trailingZeroDisplay });
}
