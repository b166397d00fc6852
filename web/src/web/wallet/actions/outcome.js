/** Presses a button for its user, and says in words beside it what came of it. */

import { ApiError, Unauthorised } from '../api.js';
import { money } from '../format.js';
import { minus } from './amounts.js';
import { leavesOpen } from './intent.js';

const OPEN_WORDS = {
  service_away: 'Nothing was done: a service is away for the moment. Try again.',
  idempotency_key_in_flight: 'It is still being worked on. Try again in a moment.',
};

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
  const { code, errors, remaining, currency } = error.problem ?? {};
  if (leavesOpen(error)) return OPEN_WORDS[code] ?? 'It is unknown whether that was done. Try again: it is done once only.';
  const short = shortage(error);
  if (short) return `${money(short.missing, short.currency)} is missing: it costs ${money(short.required, short.currency)}, and you have ${money(short.available, short.currency)}.`;
  if (remaining) return `More than what remains to be refunded: ${money(remaining, currency)}.`;
  if (errors?.length) return errors.map(({ field, message }) => `${field.split('.').at(-1)}: ${message}`).join('; ');
  return sentence(error.message);
}

/** What the balance is short of, where that is what was wrong. @param {ApiError} error */
export function shortage(error) {
  const { code, required, available, currency } = error.problem ?? {};
  if (code !== 'insufficient_credits' || !required || !available) return null;
  return { missing: minus(required, available), required, available, currency };
}

export const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? '' : '.');
