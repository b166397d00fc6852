/** The page: joins the client that knows what is true to the parts that show it. */

import { Desk } from './actions/desk.js';
import { Announcer } from './announcer.js';
import { Api } from './api.js';
import { Balances } from './balances.js';
import { LedgerbellClient } from './client.js';
import { byId } from './elements.js';
import { NotificationList } from './list.js';
import { followLinks } from './places.js';
import { Toaster } from './toasts.js';
import { findToken, forgetToken, keepToken, nameIn } from './token.js';

const NAME = 'Ledgerbell';
const PROBLEM_SHOWN_MS = 8_000;
const HIDDEN_DRAW_MS = 200;

const STATUS_WORDS = {
  idle: () => '',
  connecting: () => 'Connecting…',
  online: () => 'Live',
  polling: (seconds) => `Live connection not possible, checking every ${seconds} s`,
  reconnecting: () => 'Connection lost, reconnecting…',
  offline: () => 'Offline, waiting for the network',
  refused: (reason) => `Stopped: ${reason}`,
};

/** @type {LedgerbellClient | null} */
let client = null;
let problem = null;
/** Takes back the drawing that was asked for, or null when none was. */
let putOff = null;

const markRead = (seq) => client?.markRead(seq);
const list = new NotificationList(byId('list'), markRead);
const balances = new Balances(byId('balances'), byId('no-balance'));
const toaster = new Toaster(
  {
    area: byId('toaster'),
    list: byId('toasts'),
    foot: byId('toast-foot'),
    more: byId('toast-more'),
    clear: byId('toast-clear'),
    afterwards: byId('bell'),
  },
  new Announcer(byId('say-now'), byId('say-soon')),
  markRead,
);

// ------------------------------------------------------------------ drawing

/** Once per animation frame, however much has come; hidden tabs have no frames, but their title counts all the same. */
function drawSoon() {
  if (putOff !== null) return;
  if (document.hidden) {
    const timer = setTimeout(draw, HIDDEN_DRAW_MS);
    putOff = () => clearTimeout(timer);
  } else {
    const frame = requestAnimationFrame(draw);
    putOff = () => cancelAnimationFrame(frame);
  }
}

function draw() {
  putOff = null;
  if (client === null) return;
  const state = client.state;
  drawStatus(state);
  drawCount(state.unread);
  balances.render(state.balances);
  list.render(state.items);
  toaster.retire(new Set(state.items.filter((item) => item.read).map((item) => item.seq)));
  byId('empty').hidden = !state.loaded || state.items.length > 0;
  byId('older').hidden = !state.hasOlder;
  if (state.items.length > 0) client.shown(state.items[0].seq);
}

function drawStatus({ status, detail }) {
  const words = problem ?? STATUS_WORDS[status](detail);
  byId('status').dataset.state = problem === null ? status : 'problem';
  // Set only when different, so that a screen reader hears a change and nothing else.
  if (byId('status-words').textContent !== words) byId('status-words').textContent = words;
}

function drawCount(unread) {
  const short = unread > 99 ? '99+' : String(unread);
  byId('badge').textContent = short;
  byId('badge').hidden = unread === 0;
  byId('bell').setAttribute('aria-label', `Notifications, ${unread} unread`);
  byId('mark-all').setAttribute('aria-disabled', String(unread === 0));
  document.title = unread === 0 ? NAME : `(${short}) ${NAME}`;
}

document.addEventListener('visibilitychange', () => {
  // A frame asked for before the tab was hidden may be hours away, and a timer may be one that is throttled.
  if (putOff === null) return;
  putOff();
  draw();
});

// ------------------------------------------------------------------ session

function open(token) {
  byId('sign-in').hidden = true;
  byId('account').hidden = false;
  byId('bell').hidden = false;
  byId('whoami').textContent = nameIn(token) ? `Signed in as ${nameIn(token)}` : '';
  client = new LedgerbellClient({ base: location.origin, token });
  client.addEventListener('change', drawSoon);
  client.addEventListener('notification', (event) => toaster.show(event.detail));
  client.addEventListener('problem', (event) => tell(event.detail));
  client.addEventListener('unauthorised', tokenOver);
  byId('account').addEventListener('unauthorised', tokenOver);
  const desk = new Desk(new Api(location.origin, token), client);
  followLinks((path) => desk.go(path));
  client.start();
}

function tokenOver() {
  if (client !== null) askForToken('This token has ended or was not accepted. Paste a new one.');
}

function askForToken(complaint = '') {
  forgetToken();
  client?.stop();
  client = null;
  byId('account').hidden = true;
  byId('bell').hidden = true;
  byId('sign-in').hidden = false;
  byId('token-complaint').textContent = complaint;
  byId('status').dataset.state = 'idle';
  byId('status-words').textContent = '';
  document.title = NAME;
  byId('token').focus();
}

/** Say a sentence where the status stands, for a while. */
function tell(sentence) {
  problem = sentence;
  drawSoon();
  setTimeout(() => {
    if (problem === sentence) problem = null;
    drawSoon();
  }, PROBLEM_SHOWN_MS);
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  keepToken(byId('token').value.trim());
  // A fresh page holds nothing of the user before.
  location.reload();
});
byId('sign-out').addEventListener('click', () => {
  forgetToken();
  location.reload();
});
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#token=')) location.reload();
});
byId('bell').addEventListener('click', () => {
  byId('notifications').scrollIntoView({ block: 'start' });
  if (!list.focus()) byId('notifications').focus();
});
byId('mark-all').addEventListener('click', () => {
  if (byId('mark-all').getAttribute('aria-disabled') === 'false') client.markAllRead();
});
byId('older').addEventListener('click', () => client.more());

const token = findToken();
if (token === null) askForToken();
else open(token);
