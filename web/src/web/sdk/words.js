/** The interface's words in the reader's language, one catalogue a language; what there is no catalogue for is English. */

import { Format } from './format.js';
import en from './locales/en.js';

/** @typedef {Record<keyof typeof en, string | Partial<Record<Intl.LDMLPluralRule, string>>>} Catalogue by plural form of n */
/** @typedef {Record<string, string | number>} Values */

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

  /** @param {keyof Catalogue} key @param {Values} [values] what to put in the place of `{name}` */
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

/** @type {Map<string, Words | Promise<Words>>} */
const known = new Map();

/** Once made they are there without waiting. @param {string} locale a language tag @returns {Words | Promise<Words>} */
export function wordsIn(locale) {
  const words = known.get(locale) ?? load(locale);
  known.set(locale, words);
  return words;
}

/** @param {string} locale @returns {Words | Promise<Words>} */
function load(locale) {
  const language = locale.split('-')[0].toLowerCase();
  if (language === 'en') return new Words(isTag(locale) ? locale : 'en', en);
  if (!Object.hasOwn(OTHERS, language) || !isTag(locale)) return english;
  return OTHERS[language]().then(
    (module) => {
      const words = new Words(locale, module.default);
      known.set(locale, words);
      return words;
    },
    () => english,
  );
}

/** @param {string} locale */
function isTag(locale) {
  try {
    return Intl.getCanonicalLocales(locale).length === 1;
  } catch {
    return false;
  }
}
