/** Lets application services make users of theirs who are spoken to but are not there yet. https://spec.matrix.org/v1.19/application-service-api/#querying */
import type { UserId } from '../../core/ids.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { type Appservice, mayActAs } from '../accounts/appservices.ts'
import type { AppserviceClient } from './client.ts'

export class UserQueries {
  readonly #database: Database
  readonly #client: AppserviceClient

  constructor({ database, client }: { database: Database; client: AppserviceClient }) {
    this.#database = database
    this.#client = client
  }

  /** Asks for those who are invited and have no account, before the service is told of the invitation. */
  async make(appservice: Appservice, events: readonly StoredEvent[], signal: AbortSignal): Promise<void> {
    const targets = new Set<UserId>()
    for (const { row } of events) {
      const target = row.type === 'm.room.member' ? (row.state_key as UserId) : undefined // checked by the next line
      if (target !== undefined && target !== row.sender && mayActAs(appservice, target)) targets.add(target)
    }
    for (const userId of targets) await this.#askFor(appservice, userId, signal)
  }

  async #askFor(appservice: Appservice, userId: UserId, signal: AbortSignal): Promise<void> {
    if (await findAccount(this.#database, userId)) return
    await this.#client.ask(appservice, { method: 'GET', path: `/v1/users/${encodeURIComponent(userId)}`, signal })
  }
}
