/**
 * Refusals as the specification words them. https://spec.matrix.org/v1.19/client-server-api/#standard-error-response
 *
 * Domain code throws these; `http/errors.ts` alone turns them into answers.
 */

export class MatrixError extends Error {
  override name = 'MatrixError'
  readonly status: number
  readonly errcode: string
  /** Further keys of the answer, such as `retry_after_ms` or `soft_logout`. */
  readonly extra: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    errcode: string,
    message: string,
    options: { extra?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = status
    this.errcode = errcode
    this.extra = options.extra ?? {}
  }
}

/**
 * Asks for another stage of interactive authentication. The answer is its body: it names an error only where a stage was tried
 * and refused, for clients show that to people.
 * https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api
 */
export class UiaRequired extends MatrixError {
  override name = 'UiaRequired'
  readonly body: Readonly<Record<string, unknown>>

  constructor(body: Record<string, unknown>, refusal?: { errcode: string; error: string }) {
    super(401, refusal?.errcode ?? 'M_UNAUTHORIZED', refusal?.error ?? 'More authentication is needed')
    this.body = { ...body, ...refusal }
  }
}

/** Carries how long to wait, in milliseconds; `http/errors.ts` adds `Retry-After`. */
export class LimitExceeded extends MatrixError {
  override name = 'LimitExceeded'
  readonly retryAfterMs: number

  constructor(retryAfterMs: number, message = 'Too many requests') {
    super(429, 'M_LIMIT_EXCEEDED', message, { extra: { retry_after_ms: Math.ceil(retryAfterMs) } })
    this.retryAfterMs = retryAfterMs
  }
}

/** The database has no room. No refusal of what was asked for: whoever takes those as the last word must not take this so. */
export class DiskFull extends Error {
  override name = 'DiskFull'
}

export const diskFull = (): MatrixError =>
  new MatrixError(507, 'M_RESOURCE_LIMIT_EXCEEDED', 'The disk of this server is full')
export const forbidden = (message: string): MatrixError => new MatrixError(403, 'M_FORBIDDEN', message)
export const notFound = (message: string): MatrixError => new MatrixError(404, 'M_NOT_FOUND', message)
export const unrecognized = (message = 'Unrecognized request'): MatrixError =>
  new MatrixError(404, 'M_UNRECOGNIZED', message)
export const badJson = (message: string): MatrixError => new MatrixError(400, 'M_BAD_JSON', message)
export const notJson = (message: string): MatrixError => new MatrixError(400, 'M_NOT_JSON', message)
export const invalidParam = (message: string): MatrixError => new MatrixError(400, 'M_INVALID_PARAM', message)
export const missingParam = (message: string): MatrixError => new MatrixError(400, 'M_MISSING_PARAM', message)
export const tooLarge = (message: string): MatrixError => new MatrixError(413, 'M_TOO_LARGE', message)
export const missingToken = (): MatrixError => new MatrixError(401, 'M_MISSING_TOKEN', 'Missing access token')
/** `soft` tells the client that the session can be had back by logging in again with the same device. */
export const unknownToken = ({ soft }: { soft: boolean }): MatrixError =>
  new MatrixError(401, 'M_UNKNOWN_TOKEN', 'Unknown or expired access token', { extra: { soft_logout: soft } })
export const limitExceeded = (retryAfterMs: number, message?: string): LimitExceeded =>
  new LimitExceeded(retryAfterMs, message)
/** For refusals with an errcode of their own, such as `M_ROOM_IN_USE`. */
export const refuse = (
  status: number,
  errcode: string,
  message: string,
  extra?: Record<string, unknown>,
): MatrixError => new MatrixError(status, errcode, message, extra ? { extra } : {})
