/** The user as whom the server itself speaks and makes rooms. Nobody can log in as it, and nobody can take its name. */
import type { ServerName, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { addAccount, findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import { setProfile } from '../../storage/profiles.ts'
import type { Requester } from '../accounts/requester.ts'

export interface ServerUserParts {
  readonly database: Database
  readonly clock: Clock
  readonly serverName: ServerName
  readonly settings: { readonly user: string; readonly name: string }
}

export class ServerUser implements Service {
  readonly name = 'server user'
  readonly userId: UserId
  readonly #parts: ServerUserParts

  constructor(parts: ServerUserParts) {
    this.#parts = parts
    this.userId = `@${parts.settings.user}:${parts.serverName}`
  }

  /** Makes the account if it is missing. Throws if it is somebody's. */
  async start(): Promise<void> {
    const { database, clock, settings } = this.#parts
    const account = await findAccount(database, this.userId)
    if (account && (account.passwordHash !== undefined || account.appserviceId !== undefined)) {
      throw new Error(`${this.userId} is somebody's account: choose another name in notices.user`)
    }
    if (account) return
    await database.transaction('add the server user', async (tx) => {
      await addAccount(tx, { userId: this.userId, createdTs: clock.now() })
      await setProfile(tx, this.userId, { displayname: settings.name, avatarUrl: undefined, fields: {} })
    })
  }

  /** `on` names what it acts for: transaction ids belong to that. */
  acting(on: string): Requester {
    return {
      userId: this.userId,
      deviceId: undefined,
      sessionId: on,
      isGuest: false,
      isAdmin: false,
      isSuspended: false,
      appserviceId: undefined,
      isUnlimited: true,
    }
  }
}
