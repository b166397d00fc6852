/** Money as a person reads it; decimal strings stay exact because no float is ever made of them. */

export class Format {
  /** @type {Map<string, Intl.NumberFormat>} Making a formatter costs a hundred times what using one does. */
  #formatters = new Map();

  /** @param {string} locale */
  constructor(locale) {
    this.locale = locale;
  }

  /** @param {string} amount decimal string @param {string} currency @param {boolean} [signed] show a plus too */
  money(amount, currency, signed = false) {
    const key = currency + signed;
    const formatter = this.#formatters.get(key) ?? this.#make(currency, signed);
    this.#formatters.set(key, formatter);
    return formatter.format(/** @type {`${number}`} */ (amount)).replace('-', '−');
  }

  /** @param {string} currency @param {boolean} signed */
  #make(currency, signed) {
    const signDisplay = signed ? 'exceptZero' : 'negative';
    return new Intl.NumberFormat(this.locale, { style: 'currency', currency, signDisplay });
  }
}

/** @param {string} amount decimal string */
export const isZero = (amount) => /^-?0*\.?0*$/.test(amount);
