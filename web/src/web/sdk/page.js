/** What happens to the page that a client has to know of. */

/** Whether nobody can see this tab. */
export const isHidden = () => globalThis.document?.hidden ?? false;

/**
 * @typedef {object} Happens
 * @property {(network: boolean) => void} hurry the network is back, or somebody looks at the tab again
 * @property {() => void} noticed somebody looks at it
 * @property {() => void} offline
 * @property {() => void} putAway the tab is closed, or another page is in it
 * @property {() => void} takenOut of where it was put, as it was
 */

/** @param {AbortSignal} signal @param {Happens} happens */
export function follow(signal, { hurry, noticed, offline, putAway, takenOut }) {
  /** @type {[string, (event: any) => void][]} */
  const events = [
    ['online', () => hurry(true)],
    ['offline', offline],
    ['focus', noticed],
    ['pagehide', putAway],
    ['pageshow', (event) => event.persisted && takenOut()],
  ];
  for (const [type, listener] of events) globalThis.addEventListener?.(type, listener, { signal });
  const seen = () => isHidden() || (hurry(false), noticed());
  globalThis.document?.addEventListener('visibilitychange', seen, { signal });
}
