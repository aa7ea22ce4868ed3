import { type Refuse, Reply } from '../endpoint.ts'

export const noStore = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const

/** A refusal in the words of OAuth: https://www.rfc-editor.org/rfc/rfc6749#section-5.2 */
export const oauthRefusal: Refuse = ({ status, headers, errcode, error }) =>
  new Reply(status, { error: codeOf(errcode, status), error_description: error }, { ...headers, ...noStore })

function codeOf(errcode: string, status: number): string {
  if (!errcode.startsWith('M_')) return errcode
  if (status === 429) return 'temporarily_unavailable'
  return status < 500 ? 'invalid_request' : 'server_error'
}
