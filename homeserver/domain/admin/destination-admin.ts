/** The other servers, as administrators see them. */
import { notFound } from '../../core/errors.ts'
import type { ServerName } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { type DestinationRow, findDestination, searchDestinations } from '../../storage/destinations.ts'

export type { DestinationRow }

/** What the sender can be told. */
export interface Retrying {
  retry(destination: ServerName): void
}

export interface DestinationQuery {
  readonly term?: string | undefined
  readonly from: number
  readonly limit: number
}

export class DestinationAdmin {
  readonly #database: Database
  readonly #sender: Retrying

  constructor({ database, federationSender }: { database: Database; federationSender: Retrying }) {
    this.#database = database
    this.#sender = federationSender
  }

  async search(query: DestinationQuery): Promise<{ readonly destinations: DestinationRow[]; readonly total: number }> {
    return await searchDestinations(this.#database, query)
  }

  /** Throws `M_NOT_FOUND` for a server that was never sent anything. */
  async get(server: ServerName): Promise<DestinationRow> {
    const found = await findDestination(this.#database, server)
    if (!found) throw notFound('This server was never sent anything')
    return found
  }

  /** Tries a server that fails at once, and not when its time has come. Throws as `get` does. */
  async retry(server: ServerName): Promise<void> {
    await this.get(server)
    this.#sender.retry(server)
  }
}
