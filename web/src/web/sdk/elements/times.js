/** Instants as a person reads them: how long ago, which day, and exactly when. */

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const STEPS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
const DAY_MS = 86_400_000;


export class Times {
  #relative;
  #exact;
  #date;
  #day;

  /** @param {string} locale */
  constructor(locale) {
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
    this.#exact = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });
    this.#date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
    this.#day = new Intl.DateTimeFormat(locale, { dateStyle: 'full' });
  }

  /** @param {Date} when @returns {string} empty for less than a minute */
  ago(when) {
    const seconds = (Date.now() - when.getTime()) / 1000;
    if (seconds >= 7 * 86_400) return this.#date.format(when);
    const step = STEPS.find(([, length]) => seconds >= length);
    return step ? this.#relative.format(-Math.floor(seconds / step[1]), step[0]) : '';
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
}

/** @type {Map<string, Times>} */
const known = new Map();

/** @param {string} locale */
export function timesIn(locale) {
  const times = known.get(locale) ?? new Times(locale);
  known.set(locale, times);
  return times;
}

/** @param {Date} when of that day, by the clock on the wall */
const midnight = (when) => new Date(when).setHours(0, 0, 0, 0);
