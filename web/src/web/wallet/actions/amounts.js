/** Amounts as people type them, and their differences, exact: no float is ever made of them. */

import { isZero } from '/sdk/v1/format.js';

/** What is bought and paid for here. */
export const CURRENCY = 'USD';

/** What was typed as the services take it, or null where it is no amount. @param {string} text */
export function typed(text) {
  const found = /^\$?\s*(\d{1,9})(?:[.,](\d{1,2}))?\s*\$?$/.exec(text.trim());
  if (found === null) return null;
  const amount = `${BigInt(found[1])}.${(found[2] ?? '').padEnd(2, '0')}`;
  return isZero(amount) ? null : amount;
}

/** @param {string} from @param {string} amount decimal strings */
export function minus(from, amount) {
  const digits = Math.max(fraction(from).length, fraction(amount).length);
  return decimal(units(from, digits) - units(amount, digits), digits);
}

/** Whether `amount` is at least `least`. @param {string} amount @param {string} least decimal strings */
export const atLeast = (amount, least) => !minus(amount, least).startsWith('-');

/** @param {string} amount */
const fraction = (amount) => amount.split('.')[1] ?? '';

/** @param {string} amount @param {number} digits */
const units = (amount, digits) => BigInt(amount.split('.')[0] + fraction(amount).padEnd(digits, '0'));

/** @param {bigint} whole @param {number} digits behind the point */
function decimal(whole, digits) {
  const text = String(whole < 0n ? -whole : whole).padStart(digits + 1, '0');
  const sign = whole < 0n ? '-' : '';
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
