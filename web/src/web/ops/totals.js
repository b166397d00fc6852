/** What all services have parked and dead together, and of whom it is not known. */

import { count } from './format.js';

/** @param {import('./live.js').Service[]} services @param {'parked' | 'dead'} figure */
function total(services, figure) {
  const expected = services.filter(({ parks }) => parks);
  const unknown = expected.filter((service) => service[figure] === null).map(({ service }) => service);
  return { known: expected.reduce((sum, service) => sum + (service[figure] ?? 0), 0), unknown };
}

/**
 * It is well only where nothing is parked or dead, and that is known of every service. `isAtLeast`: the figure is of some.
 * @param {import('./live.js').Service[]} services
 */
export function parkedInAll(services) {
  const parked = total(services, 'parked');
  const dead = total(services, 'dead');
  const unknown = [...new Set([...parked.unknown, ...dead.unknown])];
  const ofDead = `${dead.unknown.length ? 'at least ' : ''}${count(dead.known)} dead`;
  const said = [
    dead.known ? `and ${ofDead}` : dead.unknown.length ? '' : 'none dead',
    unknown.length ? `not known of ${unknown.join(', ')}` : '',
  ];
  return {
    figure: parked.known || parked.unknown.length === 0 ? parked.known : null,
    isAtLeast: parked.known > 0 && parked.unknown.length > 0,
    more: said.filter(Boolean).join('; '),
    sort: parked.known || dead.known ? 'alarm' : unknown.length ? '' : 'well',
  };
}
