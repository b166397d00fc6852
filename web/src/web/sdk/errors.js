/** What can go wrong between page and gateway, told apart by what helps. */

export class ApiError extends Error {
  /** @type {string} stable, for programs */
  code = 'failed';
}

/** The token is missing, over, or not accepted: only a new one helps. */
export class Unauthorised extends ApiError {
  /** @param {string} said @param {string} [code] */
  constructor(said, code = 'unauthorised') {
    super(said);
    this.code = code;
  }
}

/** The server answered, but not with what was asked for. */
export class Refused extends ApiError {
  /** @param {string} said @param {number} status @param {Record<string, any>} problem the problem+json, if it was one */
  constructor(said, status = 0, problem = {}) {
    super(said);
    this.status = status;
    this.problem = problem;
    this.code = problem.code ?? 'refused';
  }
}

/** Nothing answered, or not in time, or the answer broke off. */
export class Unreachable extends ApiError {
  code = 'unreachable';
}

/** Whether it may be otherwise in a moment. @param {unknown} error @returns {error is ApiError} */
export const isPassing = (error) => error instanceof ApiError && !(error instanceof Unauthorised) && !(error instanceof Stopped);

/** Trying again is pointless. */
export class Stopped extends ApiError {
  /** @param {string} said @param {string} code */
  constructor(said, code) {
    super(said);
    this.code = code;
  }
}
