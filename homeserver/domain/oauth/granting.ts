/** Turns what a person has allowed into a session. */
import type { DeviceId, UserId } from '../../core/ids.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Conn, Database, Tx } from '../../storage/database.ts'
import type { Grant } from '../../storage/oauth.ts'
import { findSessionClient } from '../../storage/sessions.ts'
import type { OpenSession, Origin, Sessions } from '../accounts/sessions.ts'
import { clientName } from './client-metadata.ts'
import type { Client } from './clients.ts'
import { OAuthError } from './oauth-error.ts'
import { grantedScope } from './scope.ts'

export class Granting {
  readonly #database: Database
  readonly #sessions: Sessions

  constructor({ database, sessions }: { database: Database; sessions: Sessions }) {
    this.#database = database
    this.#sessions = sessions
  }

  /** Of what a client asks for, what this user can give. */
  async scopeFor(userId: UserId, scope: string): Promise<string> {
    return grantedScope(scope, { isAdmin: (await findAccount(this.#database, userId))?.isAdmin === true })
  }

  /** Makes the device that the client has named; one that is there goes on with new tokens. Throws `invalid_grant`. */
  async openIn(tx: Tx, grant: Grant, { clientId, metadata }: Client, origin: Origin): Promise<OpenSession> {
    const { userId, deviceId, scope } = grant
    const account = await findAccount(tx, userId)
    if (!account || account.isDeactivated || account.isLocked) {
      throw new OAuthError('invalid_grant', 'The account cannot be used')
    }
    return await this.#sessions.openIn(tx, userId, {
      ...origin,
      deviceId,
      displayName: clientName(metadata),
      isRefreshable: true,
      client: { clientId, scope },
    })
  }

  async isHeldBy(conn: Conn, userId: UserId, deviceId: DeviceId, clientId: string): Promise<boolean> {
    return (await findSessionClient(conn, userId, deviceId))?.clientId === clientId
  }
}
