/** The page: signs its user in, and joins what the SDK knows and shows to what can be done here. */

import { LedgerbellClient } from '/sdk/v1/client.js';
import { provide } from '/sdk/v1/elements.js';
import { Desk } from './actions/desk.js';
import { byId } from './elements.js';
import { followLinks } from './places.js';
import { offerPreferences } from './preferences.js';
import { current, end, wasOver } from './session.js';
import { askToSignIn } from './sign_in.js';
import { fill, LOCALE, say } from './words.js';

/** @param {import('./session.js').Session} session */
function open({ name, getToken }) {
  byId('account').hidden = false;
  byId('bell').hidden = false;
  byId('user').hidden = false;
  byId('whoami').textContent = name === null ? '' : say('signedInAs', { name });
  const client = new LedgerbellClient({ getToken, locale: LOCALE });
  client.addEventListener('error', (event) => {
    const { code } = /** @type {CustomEvent} */ (event).detail;
    if (code === 'unauthorised' || code === 'other_user') over();
  });
  byId('account').addEventListener('unauthorised', over);
  provide(client);
  const desk = new Desk(client);
  followLinks((path) => desk.go(path));
  client.start();
}

function over() {
  end({ over: true });
  // A fresh page holds nothing of the user before.
  location.reload();
}

fill(document);
offerPreferences();
byId('sign-out').addEventListener('click', () => {
  end();
  location.reload();
});
addEventListener('pageshow', (event) => {
  // What was put away may be another user's by now.
  if (event.persisted) location.reload();
});
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#token=')) location.reload();
});
const session = current();
if (session === null) askToSignIn(wasOver() ? say('over') : '');
else open(session);
