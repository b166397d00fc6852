/** The gateway's HTTP side as one small class: every call carries the token, every refusal has a name. */

export class ApiError extends Error {}

/** The token is missing, over, or not accepted: only a new one helps. */
export class Unauthorised extends ApiError {}

/** The server answered, but not with what was asked for. */
export class Refused extends ApiError {
  /** @param {string} said @param {number} status @param {Record<string, any>} problem the problem+json, if it was one */
  constructor(said, status = 0, problem = {}) {
    super(said);
    this.status = status;
    this.problem = problem;
  }
}

/** Nothing answered, or not in time, or the answer broke off. */
export class Unreachable extends ApiError {}

const TIMEOUT_MS = 10_000;

export class Api {
  #base;
  #token;

  /** @param {string} base origin of the gateway @param {string} token bearer token of the user */
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

  /** One page of history, newest first. @param {string | null} before opaque cursor of the page above */
  async history(before = null) {
    const query = new URLSearchParams({ limit: '50' });
    if (before !== null) query.set('before', before);
    return (await this.#call(`/v1/notifications?${query}`)).body;
  }

  /** What is new since the cursor; the answer is null when nothing is. @param {string} cursor @param {string | null} etag */
  async stream(cursor, etag) {
    const query = new URLSearchParams({ after: cursor });
    const headers = etag === null ? {} : { 'If-None-Match': etag };
    const { response, body } = await this.#call(`/v1/stream?${query}`, { headers });
    return {
      answer: body,
      etag: response.headers.get('ETag'),
      intervalSeconds: Number(response.headers.get('X-Poll-Interval')) || null,
    };
  }

  /** @param {string} id */
  async read(id) {
    return this.#command(`/v1/notifications/${encodeURIComponent(id)}/read`, {});
  }

  /** @param {number} seq */
  async readUpTo(seq) {
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
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key };
    return (await this.#call(path, { method: 'POST', headers, body: JSON.stringify(body) })).body;
  }

  async #command(path, body) {
    const answer = await this.#call(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      keepalive: true, // A link that is followed marks its notification as read on the way out.
    });
    return answer.body;
  }

  /** The body is null where there is none: 204, and 304 to an ETag. */
  async #call(path, options = {}) {
    const response = await this.#fetch(path, options);
    const body = await response.json().catch(() => null);
    if (response.status === 204 || response.status === 304) return { response, body: null };
    const said = body?.detail ?? body?.title ?? `the server answered ${response.status}`;
    if (response.status === 401) throw new Unauthorised(said);
    if (!response.ok) throw new Refused(said, response.status, body ?? {});
    if (body === null) throw new Unreachable('the answer broke off');
    return { response, body };
  }

  async #fetch(path, { headers = {}, ...options }) {
    try {
      return await fetch(new URL(path, this.#base), {
        ...options,
        headers: { Authorization: `Bearer ${this.#token}`, Accept: 'application/json', ...headers },
        cache: 'no-store',
        credentials: 'omit',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      throw new Unreachable('the server could not be reached', { cause: error });
    }
  }
}
