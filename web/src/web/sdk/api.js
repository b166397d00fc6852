/** The gateway's HTTP side as one small class: every call carries the token, every refusal has a name. */

import { Refused, Unauthorised, Unreachable } from './errors.js';

const TIMEOUT_MS = 10_000;
const JSON_BODY = { 'Content-Type': 'application/json' };

/** @typedef {RequestInit & {headers?: Record<string, string>, timeoutMs?: number}} Options */

export class Api {
  #base;
  #token;

  /** @param {string} base origin of the gateway @param {import('./token.js').Token} token the user's */
  constructor(base, token) {
    this.#base = base;
    this.#token = token;
  }

  get socketUrl() {
    const url = new URL('/v1/ws', this.#base);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return url.href;
  }

  /** @returns {Promise<{ticket: string}>} a single-use ticket for one hello */
  async ticket() {
    return (await this.#call('/v1/tickets', { method: 'POST' })).body;
  }

  /**
   * One page of history, newest first.
   * @param {string | null} before opaque cursor of the page above @param {import('./types.js').Filter} [filter]
   * @returns {Promise<import('./types.js').Page>}
   */
  async history(before = null, filter = {}) {
    const query = new URLSearchParams({ limit: '50' });
    if (before !== null) query.set('before', before);
    for (const [name, value] of Object.entries(filter)) {
      if (value !== undefined) query.set(name, value instanceof Date ? value.toISOString() : String(value));
    }
    return (await this.#call(`/v1/notifications?${query}`)).body;
  }

  /**
   * What is new since the cursor; the answer is null when nothing is.
   * @param {string} cursor @param {string | null} etag @param {number} waitSeconds for something to come
   * @param {AbortSignal} [signal]
   */
  async stream(cursor, etag, waitSeconds, signal) {
    const query = new URLSearchParams({ after: cursor, wait: String(waitSeconds) });
    const headers = etag === null ? undefined : { 'If-None-Match': etag };
    const timeoutMs = TIMEOUT_MS + waitSeconds * 1000;
    const { response, body } = await this.#call(`/v1/stream?${query}`, { headers, timeoutMs, signal });
    return {
      answer: body,
      etag: response.headers.get('ETag'),
      intervalSeconds: Number(response.headers.get('X-Poll-Interval')) || null,
    };
  }

  /** @param {string} id */
  read(id) {
    return this.#command(`/v1/notifications/${encodeURIComponent(id)}/read`, {});
  }

  /** @param {number} seq */
  readUpTo(seq) {
    return this.#command('/v1/notifications/read', { up_to_seq: seq });
  }

  /** @param {string} path under the gateway's origin */
  async get(path) {
    return (await this.#call(path)).body;
  }

  /**
   * Ask for something to be done: once, however often it is sent with the same key.
   * @param {string} path @param {object} body @param {string} key
   */
  async ask(path, body, key) {
    const headers = { ...JSON_BODY, 'Idempotency-Key': key };
    return (await this.#call(path, { method: 'POST', headers, body: JSON.stringify(body) })).body;
  }

  /** Whether the gateway answers, but does not have this page's origin on its list. @returns {Promise<boolean>} */
  async originRefused() {
    try {
      const response = await fetch(new URL('/sdk/v1/origin', this.#base), { cache: 'no-store', credentials: 'omit' });
      const { origin, allowed } = await response.json();
      // To its own origin a browser does not say where it comes from.
      return origin !== null && !allowed;
    } catch {
      return false;
    }
  }

  /** @param {string} path @param {object} body */
  async #command(path, body) {
    // A link that is followed marks its notification as read on the way out.
    const options = { method: 'POST', headers: JSON_BODY, body: JSON.stringify(body), keepalive: true };
    return (await this.#call(path, options)).body;
  }

  /** The body is null where there is none: 204, and 304 to an ETag. @param {string} path @param {Options} options */
  async #call(path, options = {}) {
    const token = await this.#token.current();
    let response = await this.#fetch(path, token, options);
    if (response.status === 401) response = await this.#fetch(path, await this.#token.renewed(token), options);
    if (response.status === 204 || response.status === 304) return { response, body: null };
    const body = await response.json().catch(() => null);
    const said = body?.detail ?? body?.title ?? `the server answered ${response.status}`;
    if (response.status === 401) throw new Unauthorised(said);
    if (!response.ok) throw new Refused(said, response.status, body ?? {});
    if (body === null) throw new Unreachable('the answer broke off');
    return { response, body };
  }

  /** @param {string} path @param {string} token @param {Options} options */
  async #fetch(path, token, { headers = {}, timeoutMs = TIMEOUT_MS, signal = undefined, ...options }) {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await fetch(new URL(path, this.#base), {
        ...options,
        headers: { Authorization: `Bearer ${token}`, Accept: 'application/json', ...headers },
        cache: 'no-store',
        credentials: 'omit',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
    } catch (error) {
      throw new Unreachable('the server could not be reached', { cause: error });
    }
  }
}
