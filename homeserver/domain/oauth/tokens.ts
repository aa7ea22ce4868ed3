/** Renews and takes back what clients were given. Their tokens are the same as those of the older API. */
import { MatrixError } from '../../core/errors.ts'
import type { DeviceId, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { findRefreshToken, findSession, findSessionClient } from '../../storage/sessions.ts'
import { tokenHash } from '../accounts/session-token.ts'
import type { OpenSession, Sessions } from '../accounts/sessions.ts'
import type { Client } from './clients.ts'
import { OAuthError } from './oauth-error.ts'

export class Tokens {
  readonly #database: Database
  readonly #sessions: Sessions

  constructor({ database, sessions }: { database: Database; sessions: Sessions }) {
    this.#database = database
    this.#sessions = sessions
  }

  /**
   * Rotates the refresh token as `Sessions.refresh` says. Throws `invalid_grant`, which logs a client out, and
   * `temporarily_unavailable` for a locked account: its clients keep their keys until it is unlocked.
   */
  async refresh({ clientId }: Client, refreshToken: string): Promise<OpenSession & { readonly scope: string }> {
    try {
      const renewed = await this.#sessions.refresh(refreshToken, { clientId })
      const client = await findSessionClient(this.#database, renewed.userId, renewed.deviceId)
      return { ...renewed, scope: client?.scope ?? '' }
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      if (error.errcode === 'M_USER_LOCKED') throw new OAuthError('temporarily_unavailable', error.message, 503)
      throw new OAuthError('invalid_grant', 'The refresh token is unknown, used or expired')
    }
  }

  /**
   * Ends the session of an access token or a refresh token, whoever brings it: who has found a leaked one does good.
   * https://spec.matrix.org/v1.19/client-server-api/#token-revocation
   */
  async revoke(token: string): Promise<void> {
    const session = await this.#find(token)
    if (session) await this.#sessions.end(session.userId, [session.deviceId])
  }

  async #find(token: string): Promise<{ readonly userId: UserId; readonly deviceId: DeviceId } | undefined> {
    const access = tokenHash('access', token)
    if (access !== undefined) return await findSession(this.#database, access)
    const refresh = tokenHash('refresh', token)
    return refresh === undefined ? undefined : await findRefreshToken(this.#database, refresh)
  }
}
