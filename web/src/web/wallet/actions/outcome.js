/** Presses a button for its user, and says in words beside it what came of it. */

import { ApiError, Refused, Unauthorised } from '/sdk/v1/errors.js';
import { isKey, money, say } from '../words.js';
import { CURRENCY, minus } from './amounts.js';
import { leavesOpen } from './intent.js';

/**
 * Do the work once, however often the button is pressed meanwhile. The button keeps the keyboard.
 * @param {HTMLElement} button @param {HTMLElement} words a live region @param {() => Promise<void>} work
 * @param {(error: ApiError) => void} [afterwards] told of what went wrong, once it is said
 */
export async function attempt(button, words, work, afterwards = () => {}) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  words.textContent = '';
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    words.textContent = wordsFor(error);
    tellOfToken(words, error);
    afterwards(error);
  } finally {
    button.removeAttribute('aria-disabled');
  }
}

/** Whoever holds the token hears that it is over. @param {HTMLElement} where @param {unknown} error */
export function tellOfToken(where, error) {
  if (error instanceof Unauthorised) where.dispatchEvent(new CustomEvent('unauthorised', { bubbles: true }));
}

/** @param {ApiError} error */
export function wordsFor(error) {
  const { code, errors, remaining, least, most, currency = CURRENCY } = problemOf(error);
  if (leavesOpen(error)) return isKey(code) ? say(code) : say('outcomeUnknown');
  const short = shortage(error);
  if (short) return wordsForShortage(short.missing, short.required, short.available, short.currency);
  if (remaining) return say('exceeds', { amount: money(remaining, currency) });
  if (least && most) return say('amount_out_of_range', { least: money(least, currency), most: money(most, currency) });
  // The services' own words, in English, where there are no others.
  if (errors?.length) return errors.map((/** @type {{field: string, message: string}} */ { field, message }) => `${field.split('.').at(-1)}: ${message}`).join('; ');
  return isKey(code) ? say(code) : sentence(error.message);
}

/** Of what was only looked at. @param {ApiError} error */
export const whyUnknown = (error) => (leavesOpen(error) ? say('noServer') : wordsFor(error));

/** What the balance is short of, where that is what was wrong. @param {ApiError} error */
export function shortage(error) {
  const { code, required, available, currency } = problemOf(error);
  if (code !== 'insufficient_credits' || !required || !available) return null;
  return { missing: minus(required, available), required, available, currency };
}

/** @param {string} missing @param {string} price @param {string} available @param {string} currency */
export const wordsForShortage = (missing, price, available, currency) =>
  say('missing', { missing: money(missing, currency), price: money(price, currency), available: money(available, currency) });

/** @param {ApiError} error @returns {Record<string, any>} */
const problemOf = (error) => (error instanceof Refused ? error.problem : {});

/** @param {string} words */
const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? '' : '.');
