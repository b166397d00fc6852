/** The addresses within this page: a link to one shows it here, without loading the page anew. */

const PLACE = /^\/$|^\/topup$|^\/history$|^\/(payments|verifications|refunds)\/[^/]+$/;

/** @param {(path: string) => void} go is told where the page stands: now, at each such link, and on the way back */
export function followLinks(go) {
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href]');
    if (!link || !staysHere(event, link)) return;
    event.preventDefault();
    if (link.pathname !== location.pathname) history.pushState(null, '', link.pathname);
    go(link.pathname);
  });
  addEventListener('popstate', () => go(location.pathname));
  go(location.pathname);
}

function staysHere(event, link) {
  const elsewhere = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target;
  return !elsewhere && !event.defaultPrevented && link.origin === location.origin && !link.hash && PLACE.test(link.pathname);
}
