/** Clients register themselves. https://spec.matrix.org/v1.19/client-server-api/#client-registration */
import { hash } from 'node:crypto'
import { encodeCanonical } from '../../core/canonical-json.ts'
import type { Json } from '../../core/event.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { findClient, hasUnusedClients, removeUnusedClients, setClient } from '../../storage/oauth.ts'
import { maxUnusedClients } from '../limits.ts'
import { type ClientMetadata, type GrantType, parseClientMetadata } from './client-metadata.ts'
import { OAuthError } from './oauth-error.ts'

export interface Client {
  readonly clientId: string
  readonly metadata: ClientMetadata
}

/** A client without a session is forgotten after a day: before each login it registers again. */
const FORGET_MS = 86_400_000
/** When strangers fill the table, this is what a person has to log in. */
const HURRY_MS = 600_000

export class Clients {
  readonly #database: Database
  readonly #clock: Clock

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  /** The same metadata get the same id, whoever sends them. Throws `invalid_client_metadata` and `invalid_redirect_uri`. */
  async register(body: unknown): Promise<Client> {
    const metadata = parseClientMetadata(body)
    // made of texts and lists of texts, by its construction
    const text = encodeCanonical(metadata as Readonly<Record<string, unknown>> as Record<string, Json>)
    const clientId = hash('sha256', text, 'base64url').slice(0, 26)
    const now = this.#clock.now()
    await this.#database.transaction('register OAuth client', async (tx) => {
      if (await hasUnusedClients(tx, maxUnusedClients)) await removeUnusedClients(tx, now - HURRY_MS)
      if (await hasUnusedClients(tx, maxUnusedClients)) {
        throw new OAuthError('temporarily_unavailable', 'Too many clients register: try again later', 503)
      }
      await setClient(tx, clientId, text, now)
    })
    return { clientId, metadata }
  }

  async find(clientId: string): Promise<Client | undefined> {
    const text = await findClient(this.#database, clientId)
    return text === undefined ? undefined : { clientId, metadata: JSON.parse(text) as ClientMetadata } // as `register` wrote it
  }

  /** Throws `invalid_client`, and `unauthorized_client` for a grant that it has not registered for. */
  async get(clientId: string | undefined, grant: GrantType): Promise<Client> {
    const client = clientId === undefined ? undefined : await this.find(clientId)
    if (!client) throw new OAuthError('invalid_client', 'This client has not registered', 401)
    if (!client.metadata.grant_types.includes(grant)) {
      throw new OAuthError('unauthorized_client', `The client has not registered for ${grant}`)
    }
    return client
  }

  async sweep(): Promise<void> {
    const before = this.#clock.now() - FORGET_MS
    await this.#database.transaction('forget OAuth clients', (tx) => removeUnusedClients(tx, before))
  }
}
