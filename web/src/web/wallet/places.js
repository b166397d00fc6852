/** The addresses within this page: a link to one shows it here, without loading the page anew. */

const PLACE = /^\/$|^\/topup$|^\/history$|^\/(payments|verifications|refunds|activity)\/[^/]+$/;

/** @param {(path: string) => void} go is told where the page stands: now, at each such link, and on the way back */
export function followLinks(go) {
  /** @param {Event} event @param {URL | HTMLAnchorElement} link */
  const follow = (event, link) => {
    if (link.origin !== location.origin || link.hash || !PLACE.test(link.pathname)) return;
    event.preventDefault();
    if (link.pathname !== location.pathname) history.pushState(null, '', link.pathname);
    go(link.pathname);
  };
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element && event.target.closest('a');
    if (link && staysHere(event, link)) follow(event, link);
  });
  // A notification's own link, wherever it is shown.
  document.addEventListener('ledgerbell-open', (event) => {
    const { link } = /** @type {CustomEvent} */ (event).detail;
    follow(event, new URL(link, location.origin));
  });
  addEventListener('popstate', () => go(location.pathname));
  go(location.pathname);
}

/** @param {MouseEvent} event @param {HTMLAnchorElement} link */
function staysHere(event, link) {
  const elsewhere = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target;
  return !elsewhere && !event.defaultPrevented;
}
