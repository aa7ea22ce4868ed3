/**
 * Servers of ours and a Synapse that share rooms over TLS. Each has a loopback address of its own, which is its name,
 * and a gate in front of it that can be shut.
 */
import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { RoomId } from '../../homeserver/core/ids.ts'
import { signingKeyFromSeed } from '../../homeserver/core/signing.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { findRoom } from '../../homeserver/storage/rooms.ts'
import type { Client } from './client.ts'
import { hasOpenssl } from './certificates.ts'
import { type Dialect, freshDatabaseUrl } from './databases.ts'
import { type FederatedServer, Federation } from './federation.ts'
import { Gate } from './gate.ts'
import { loopback } from './loopback.ts'
import { Synapse, synapsePython } from './synapse.ts'

const PORT = 8448

/** Programs that are not here; without them tests beside Synapse are skipped. */
export const missingPrograms = [...(hasOpenssl ? [] : ['openssl']), ...(synapsePython === undefined ? ['Synapse'] : [])]
/** One of ours, which may be ended and started again with what it had. */
class OurServer implements Home {
  readonly name: string
  readonly gate: Gate
  readonly #databaseUrl: string
  readonly #begin: () => Promise<FederatedServer>
  #running: FederatedServer

  private constructor(parts: {
    readonly name: string
    readonly gate: Gate
    readonly databaseUrl: string
    readonly begin: () => Promise<FederatedServer>
    readonly running: FederatedServer
  }) {
    this.name = parts.name
    this.gate = parts.gate
    this.#databaseUrl = parts.databaseUrl
    this.#begin = parts.begin
    this.#running = parts.running
  }

  static async start(federation: Federation, host: string, database: Dialect): Promise<OurServer> {
    const name = `${host}:${PORT}`
    const databaseUrl = await freshDatabaseUrl(database)
    const parts = { signingKeys: [signingKeyFromSeed('test', randomBytes(32))] as const }
    const begin = (): Promise<FederatedServer> =>
      federation.start(name, { config: `database: { url: '${databaseUrl}' }`, parts })
    const running = await begin()
    const gate = await Gate.open({ host, port: PORT }, tlsPlace(running))
    federation.closeAfter(gate)
    return new OurServer({ name, gate, databaseUrl, begin, running })
  }

  async restart(): Promise<void> {
    this.gate.shut() // the end of a process would cut its connections, too
    await this.#running.server[Symbol.asyncDispose]()
    this.#running = await this.#begin()
    this.gate.target = tlsPlace(this.#running)
    this.gate.reopen()
  }

  async extremities(roomId: RoomId): Promise<readonly string[]> {
    await using database = await Database.open({ url: this.#databaseUrl })
    const room = await findRoom(database, roomId)
    return (room?.extremities ?? []).map(({ eventId }) => eventId).toSorted()
  }

  retry(others: readonly Home[]): void {
    for (const { name } of others) this.#running.services.federationSender.retry(name)
  }

  get url(): string {
    return this.#running.server.url
  }

  async register(username: string): Promise<Client> {
    return await this.#running.server.register(username)
  }
}

/** What is alike in both kinds of servers. */
export interface Home {
  readonly name: string
  /** Another one after each start. */
  readonly url: string
  readonly gate: Gate
  register(username: string): Promise<Client>
  /** Ends it, and starts it with what it has on disk. */
  restart(): Promise<void>
  /** Forward extremities, in order. */
  extremities(roomId: RoomId): Promise<readonly string[]>
  /** Tries those again at once that it leaves alone because they did not answer. */
  retry(others: readonly Home[]): void
}

class SynapseHome implements Home {
  readonly gate: Gate
  readonly #synapse: Synapse

  constructor(synapse: Synapse, gate: Gate) {
    this.#synapse = synapse
    this.gate = gate
  }

  get name(): string {
    return this.#synapse.name
  }

  get url(): string {
    return this.#synapse.url
  }

  register(username: string): Promise<Client> {
    return this.#synapse.register(username)
  }

  async restart(): Promise<void> {
    await this.#synapse.kill()
    await this.#synapse.start()
  }

  extremities(roomId: RoomId): Promise<readonly string[]> {
    using database = new DatabaseSync(this.#synapse.databaseFile, { readOnly: true })
    const rows = database.prepare('select event_id from event_forward_extremities where room_id = ?').all(roomId)
    return Promise.resolve(rows.map(({ event_id: eventId }) => String(eventId)).toSorted())
  }

  /** Its settings make it try again with whatever it has to say next. */
  retry(): void {}
}

export interface MixedWorld extends AsyncDisposable {
  readonly ours: readonly OurServer[]
  readonly synapse: Home
}

/** `count` servers of ours beside one Synapse. */
export async function startMixed(count: number, database: Dialect = 'sqlite'): Promise<MixedWorld> {
  // Where Synapse listens, where it is found, and where the others are.
  const [host, name, ...others] = [
    loopback(1),
    loopback(2),
    ...Array.from({ length: count }, (_, n) => loopback(n + 3)),
  ]
  const federation = await Federation.make(name, ...others)
  try {
    const synapse = await Synapse.start({ host, name: `${name}:${PORT}`, tls: federation.tls })
    federation.closeAfter(synapse)
    const gate = await Gate.open({ host: name, port: PORT }, synapse)
    federation.closeAfter(gate)
    const ours = await Promise.all(others.map((address) => OurServer.start(federation, address, database)))
    return {
      ours,
      synapse: new SynapseHome(synapse, gate),
      [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
    }
  } catch (error) {
    await federation[Symbol.asyncDispose]()
    throw error
  }
}

function tlsPlace({ server }: FederatedServer): { readonly host: string; readonly port: number } {
  return { host: '127.0.0.1', port: server.server.tlsPort ?? 0 }
}
