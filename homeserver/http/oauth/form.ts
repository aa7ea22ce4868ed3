/** Bodies of forms, as browsers and OAuth clients send them. */
import type { IncomingMessage } from 'node:http'
import { MatrixError } from '../../core/errors.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { readBytes } from '../body.ts'

const MAX_BYTES = 65_536

/** The fields; each is there once. Throws `invalid_request`, also for JSON and for parts of a multipart body. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') {
    throw new MatrixError(415, 'invalid_request', 'The body must be application/x-www-form-urlencoded')
  }
  const form = new URLSearchParams((await readBytes(request, MAX_BYTES)).toString())
  const names = [...form.keys()]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new OAuthError('invalid_request', `'${twice}' is there twice`)
  return form
}

/** Throws `invalid_request`. */
export function fieldOf(form: URLSearchParams, name: string): string {
  const value = form.get(name)
  if (value === null || value === '') throw new OAuthError('invalid_request', `'${name}' is missing`)
  return value
}
