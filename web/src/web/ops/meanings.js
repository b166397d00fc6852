/** What may be meant by what an operator types. */

const TRANSFER = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const REFERENCE = /^[A-Z]{2,4}-[0-9A-Z]{12}$/i;

/** @typedef {[name: 'transfer' | 'reference' | 'user', value: string]} Meaning */

/** The likeliest first. A user's id may look like anything, and so may a reference that is not our own. @param {string} what @returns {Meaning[]} */
export function meanings(what) {
  if (TRANSFER.test(what)) return [['transfer', what.toLowerCase()], ...references(what.toLowerCase(), what), ['user', what]];
  if (REFERENCE.test(what)) return [...references(what.toUpperCase(), what), ['user', what]];
  return [['user', what], ['reference', what]];
}

/** @param {string} canonical @param {string} typed @returns {Meaning[]} */
function references(canonical, typed) {
  return [...new Set([canonical, typed])].map((value) => ['reference', value]);
}
