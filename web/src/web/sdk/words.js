/** The interface's words in the reader's language, one catalogue a language; what there is no catalogue for is English. */

import { Format } from './format.js';
import en from './locales/en.js';

/** @typedef {Record<keyof typeof en, string | Partial<Record<Intl.LDMLPluralRule, string>>>} Catalogue by plural form of n */

/** @type {Record<string, () => Promise<{default: Catalogue}>>} */
const OTHERS = { de: () => import('./locales/de.js') };

export class Words extends Format {
  #catalogue;
  #plurals;

  /** @param {string} locale @param {Catalogue} catalogue */
  constructor(locale, catalogue) {
    super(locale);
    this.#catalogue = catalogue;
    this.#plurals = new Intl.PluralRules(locale);
  }

  /** @param {keyof Catalogue} key @param {Record<string, string | number>} [values] to put in the place of `{name}` */
  say(key, values = {}) {
    const entry = this.#catalogue[key];
    const text = typeof entry === 'string' ? entry : (entry[this.#plurals.select(Number(values.n))] ?? entry.other ?? '');
    return text.replace(/{(\w+)}/g, (_, name) => String(values[name]));
  }

  /** @param {{code: string, message: string}} problem */
  why({ code, message }) {
    return Object.hasOwn(this.#catalogue, code) ? this.say(/** @type {keyof Catalogue} */ (code)) : message;
  }
}

export const english = new Words('en', en);

/** @type {Map<string, Promise<Words>>} */
const known = new Map();

/** @param {string} locale a language tag */
export function wordsIn(locale) {
  const words = known.get(locale) ?? load(locale);
  known.set(locale, words);
  return words;
}

/** @param {string} locale */
async function load(locale) {
  const language = locale.split('-')[0].toLowerCase();
  try {
    return new Words(locale, language === 'en' ? en : (await OTHERS[language]()).default);
  } catch {
    // No catalogue, or this is no language at all; what could not be had is asked for again by the next drawing.
    if (OTHERS[language]) known.delete(locale);
    return english;
  }
}
