/** Money and time as a person reads them; decimal strings stay exact because no float is ever made of them. */

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const STEPS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
const DAY_MS = 86_400_000;

export class Format {
  #locale;
  #relative;
  #exact;
  #date;
  #day;
  /** @type {Map<string, Intl.NumberFormat>} Making a formatter costs a hundred times what using one does. */
  #money = new Map();

  /** @param {string} locale */
  constructor(locale) {
    this.#locale = locale;
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
    this.#exact = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
    this.#date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
    this.#day = new Intl.DateTimeFormat(locale, { dateStyle: 'full' });
  }

  /** @param {string} amount decimal string @param {string} currency @param {boolean} [signed] show a plus too */
  money(amount, currency, signed = false) {
    const key = currency + signed;
    const known = this.#money.get(key) ?? this.#formatter(currency, signed);
    this.#money.set(key, known);
    return known.format(/** @type {`${number}`} */ (amount)).replace('-', '−');
  }

  /** @param {Date} when @param {string} justNow the words for less than a minute */
  ago(when, justNow) {
    const seconds = (Date.now() - when.getTime()) / 1000;
    if (seconds >= 7 * 86_400) return this.#date.format(when);
    const step = STEPS.find(([, length]) => seconds >= length);
    return step ? this.#relative.format(-Math.floor(seconds / step[1]), step[0]) : justNow;
  }

  /** Today, yesterday, or the date. @param {Date} when */
  day(when) {
    const days = Math.round((midnight(new Date()) - midnight(when)) / DAY_MS);
    return days === 0 || days === 1 ? this.#relative.format(-days, 'day') : this.#day.format(when);
  }

  /** @param {Date} when */
  exactly(when) {
    return this.#exact.format(when);
  }

  /** @param {string} currency @param {boolean} signed */
  #formatter(currency, signed) {
    const signDisplay = signed ? 'exceptZero' : 'negative';
    return new Intl.NumberFormat(this.#locale, { style: 'currency', currency, signDisplay });
  }
}

/** @param {string} amount decimal string */
export const isZero = (amount) => /^-?0*\.?0*$/.test(amount);

/** @param {Date} when of that day, by the clock on the wall */
const midnight = (when) => new Date(when).setHours(0, 0, 0, 0);
