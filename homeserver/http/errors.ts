/** The one place where anything thrown becomes an answer. */
import type { z } from 'zod'
import { DiskFull, diskFull, LimitExceeded, MatrixError, notJson, UiaRequired } from '../core/errors.ts'
import { logger } from '../platform/log.ts'

const log = logger('http')

export interface ErrorAnswer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly errcode: string
  readonly error: string
  /** What Matrix clients get: the two and further keys. */
  readonly body: object
}

/** A `MatrixError` is answered as itself; a fault tells the request id and nothing more. */
export function answerError(thrown: unknown, context: { requestId: string; route: string }): ErrorAnswer {
  const error = thrown instanceof DiskFull ? diskFull() : thrown // the log has been told already
  if (error instanceof MatrixError) {
    const headers: Record<string, string> =
      error instanceof LimitExceeded ? { 'Retry-After': String(Math.ceil(error.retryAfterMs / 1000)) } : {}
    const told = { errcode: error.errcode, error: error.message }
    return {
      status: error.status,
      headers,
      ...told,
      body: error instanceof UiaRequired ? error.body : { ...told, ...error.extra },
    }
  }
  log.error({ ...context, error }, 'request failed')
  const told = { errcode: 'M_UNKNOWN', error: `Internal server error (request ${context.requestId})` }
  return { status: 500, headers: {}, ...told, body: told }
}

/** What a schema refused, in Matrix's words: missing, or of the wrong form, and where. */
export function refusalOf(error: z.ZodError, part: 'body' | 'query'): MatrixError {
  const issue = error.issues[0]
  if (part === 'body' && issue?.path.length === 0 && issue.input === undefined)
    return notJson('The request has no body')
  const path = issue?.path.join('.') ?? ''
  const where = path === '' ? `The ${part === 'body' ? 'request body' : 'query'}` : `'${path}'`
  const missing = issue?.code === 'invalid_type' && issue.input === undefined && path !== ''
  if (missing) return new MatrixError(400, 'M_MISSING_PARAM', `${where} is missing`)
  const errcode = part === 'query' || issue?.code !== 'invalid_type' ? 'M_INVALID_PARAM' : 'M_BAD_JSON'
  return new MatrixError(400, errcode, `${where}: ${issue?.message ?? 'not valid'}`)
}
