/** Refusals in the words of OAuth 2.0. https://www.rfc-editor.org/rfc/rfc6749#section-5.2 */
import { MatrixError } from '../../core/errors.ts'

export type OAuthErrorCode =
  | 'access_denied'
  | 'authorization_pending'
  | 'expired_token'
  | 'invalid_client'
  | 'invalid_client_metadata'
  | 'invalid_grant'
  | 'invalid_redirect_uri'
  | 'invalid_request'
  | 'invalid_scope'
  | 'slow_down'
  | 'temporarily_unavailable'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'

/** Its `errcode` is the `error` of the answer, its message the `error_description`. */
export class OAuthError extends MatrixError {
  override name = 'OAuthError'
  readonly code: OAuthErrorCode

  constructor(code: OAuthErrorCode, message: string, status = 400) {
    super(status, code, message)
    this.code = code
  }
}
