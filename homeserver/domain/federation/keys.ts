/** Knows with which keys other servers sign. https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys */
import { MatrixError } from '../../core/errors.ts'
import type { ServerName } from '../../core/ids.ts'
import { publicKeyFrom, type Verifier } from '../../core/signing.ts'
import type { Clock } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import { Lru } from '../../platform/lru.ts'
import { NoSlotError, Slots } from '../../platform/slots.ts'
import type { Database } from '../../storage/database.ts'
import { listKeysOfServers, listServerKeys, saveServerKeys, type ServerKeyRow } from '../../storage/server-keys.ts'
import { isBanned } from './banned-keys.ts'
import { BadKeyDocumentError, type KeyDocument, longestValidityMs, mergeKeys, usableUntil } from './key-document.ts'
import type { KeySource, WantedKey } from './key-source.ts'
import type { OwnKeys } from './own-keys.ts'
import type { ServerFilter } from './server-filter.ts'

const log = logger('federation')

export interface KeyRingParts {
  readonly serverName: ServerName
  readonly ownKeys: OwnKeys
  readonly source: KeySource
  /** Who is asked about servers that do not answer. */
  readonly notaries: readonly ServerName[]
  readonly mayTalkTo: ServerFilter
  readonly database: Database
  readonly clock: Clock
}

interface KnownKey {
  readonly verifier: Verifier
  readonly usableUntil: number
}

type KnownKeys = ReadonlyMap<string, KnownKey>

const MAX_SERVERS = 20_000
const MAX_ASKED = 50_000
/** T25: how long nobody is asked again for the same key, and after a server could not be reached. */
const ASK_AGAIN_MS = 5 * 60_000
const RETRY_MS = 60_000
/** For how many different keys a server is asked in that time: who signs with made-up keys is not to cause more. */
const MAX_ASKS = 10

export class KeyRing {
  readonly #parts: KeyRingParts
  readonly #servers = new Lru<ServerName, KnownKeys>(MAX_SERVERS)
  /** When a key may be asked for again, and how often its server has been asked of late. */
  readonly #keysAsked = new Lru<string, number>(MAX_ASKED)
  readonly #serversAsked = new Lru<ServerName, { readonly until: number; readonly times: number }>(MAX_ASKED)
  readonly #running = new Map<string, Promise<unknown>>()
  readonly #slots = new Slots({ perKey: 32, maxWaiting: 5_000 })

  constructor(parts: KeyRingParts) {
    this.#parts = parts
  }

  /**
   * The key to check a signature with, if the server has it and it was valid at that time: now for requests,
   * `origin_server_ts` for events, undefined where the room version does not care. Asks the server if need be, and not
   * too often. Not to be called within a transaction.
   */
  async verifierFor(server: ServerName, keyId: string, at: number | undefined): Promise<Verifier | undefined> {
    if (server === this.#parts.serverName) return this.#parts.ownKeys.verifierFor(keyId, at)
    if (!keyId.startsWith('ed25519:')) return undefined
    const known = (this.#servers.get(server) ?? (await this.#load(server))).get(keyId)
    if (suits(known, at)) return known.verifier
    const wanted = { server, keyId, at }
    await this.#once(`${keyId} ${server}`, () => this.#seek(wanted, this.#notariesFor(server)))
    return this.#find(wanted)
  }

  /** Whether `verifierFor` has the key in memory. */
  has(server: ServerName, keyId: string, at: number | undefined): boolean {
    return server === this.#parts.serverName
      ? this.#parts.ownKeys.verifierFor(keyId, at) !== undefined
      : suits(this.#servers.get(server)?.get(keyId), at)
  }

  /** Reads what is stored about many servers at once, for a long list of events. Asks nobody. */
  async warm(servers: Iterable<ServerName>): Promise<void> {
    const missing = [...new Set(servers)].filter((server) => !this.#servers.has(server))
    if (missing.length === 0) return
    const rows = await listKeysOfServers(this.#parts.database, missing)
    const byServer = Map.groupBy(rows, ({ server_name }) => server_name)
    for (const server of missing) this.#servers.set(server, keysIn(byServer.get(server) ?? []))
  }

  /** Asks a server for its keys if that has not just been done, for whom we are a notary. */
  async refresh(server: ServerName): Promise<void> {
    await this.#once(`* ${server}`, () => this.#seek({ server, keyId: '', at: undefined }, []))
  }

  #notariesFor(server: ServerName): readonly ServerName[] {
    const { notaries, serverName } = this.#parts
    return notaries.filter((notary) => notary !== server && notary !== serverName)
  }

  #find({ server, keyId, at }: WantedKey): Verifier | undefined {
    const known = this.#servers.get(server)?.get(keyId)
    return suits(known, at) ? known.verifier : undefined
  }

  async #load(server: ServerName): Promise<KnownKeys> {
    return await this.#once(`= ${server}`, async () => {
      const keys = keysIn(await listServerKeys(this.#parts.database, server))
      this.#servers.set(server, keys)
      return keys
    })
  }

  /** The server itself, then the notaries, until somebody has the key. */
  async #seek(wanted: WantedKey, notaries: readonly ServerName[]): Promise<void> {
    const { mayTalkTo, clock } = this.#parts
    const { server, at } = wanted
    if (!mayTalkTo(server) || !this.#mayAsk(wanted)) return
    if (at !== undefined && at > clock.now() + longestValidityMs) return // nothing is valid for so long
    try {
      await this.#slots.run('', () => this.#ask(wanted, notaries))
    } catch (error) {
      if (!(error instanceof NoSlotError)) throw error
      this.#askAgainIn(0, wanted)
    }
  }

  async #ask(wanted: WantedKey, notaries: readonly ServerName[]): Promise<void> {
    const { source } = this.#parts
    const { server } = wanted
    const ownWord = () => this.#take(server, server, async () => [await source.fromServer(server)])
    if (!(await this.#once(`> ${server}`, ownWord))) this.#askAgainIn(RETRY_MS, wanted)
    for (const notary of notaries) {
      if (this.#find(wanted)) return
      await this.#take(server, notary, () => source.fromNotary(notary, wanted))
    }
  }

  /** Stores what comes; whether it did. What does not come or is not to be believed is logged. */
  async #take(server: ServerName, source: ServerName, fetch: () => Promise<readonly KeyDocument[]>): Promise<boolean> {
    try {
      for (const document of await fetch()) await this.#keep(document, source)
      return true
    } catch (error) {
      if (!(error instanceof MatrixError || error instanceof BadKeyDocumentError)) throw error
      const level = error instanceof BadKeyDocumentError ? 'warn' : 'info'
      log[level]({ server, source, reason: error.message }, 'no keys of a server')
      return false
    }
  }

  async #keep(document: KeyDocument, source: ServerName): Promise<void> {
    const { database, clock } = this.#parts
    const { server } = document
    const rows = await database.transaction('keep server keys', async (tx) => {
      const before = await listServerKeys(tx, server)
      const changed = mergeKeys(before, document, { source, now: clock.now() })
      await saveServerKeys(tx, changed)
      const replaced = new Set(changed.map(({ key_id }) => key_id))
      return [...before.filter(({ key_id }) => !replaced.has(key_id)), ...changed]
    })
    this.#servers.set(server, keysIn(rows))
  }

  /** Takes note of the question if it may be asked. */
  #mayAsk(wanted: WantedKey): boolean {
    const { server } = wanted
    const now = this.#parts.clock.monotonic()
    if ((this.#keysAsked.get(askOf(wanted)) ?? -Infinity) > now) return false
    const asked = this.#serversAsked.get(server)
    const isRecent = asked !== undefined && asked.until > now
    if (isRecent && asked.times >= MAX_ASKS) return false
    const until = isRecent ? asked.until : now + ASK_AGAIN_MS
    this.#serversAsked.set(server, { until, times: isRecent ? asked.times + 1 : 1 })
    this.#askAgainIn(ASK_AGAIN_MS, wanted)
    return true
  }

  #askAgainIn(ms: number, wanted: WantedKey): void {
    this.#keysAsked.set(askOf(wanted), this.#parts.clock.monotonic() + ms)
  }

  /** Who asks for the same thing at the same time gets the same answer. */
  #once<T>(key: string, work: () => Promise<T>): Promise<T> {
    // What runs under a key is always of the same type: keys begin with the kind of work.
    const running = this.#running.get(key) as Promise<T> | undefined
    if (running) return running
    const started = work().finally(() => this.#running.delete(key))
    this.#running.set(key, started)
    return started
  }
}

const askOf = ({ server, keyId }: WantedKey): string => `${keyId} ${server}`

function suits(known: KnownKey | undefined, at: number | undefined): known is KnownKey {
  return known !== undefined && (at === undefined || at <= known.usableUntil)
}

function keysIn(rows: readonly ServerKeyRow[]): KnownKeys {
  const keys = new Map<string, KnownKey>()
  for (const row of rows) {
    const publicKey = isBanned(row.public_key) ? undefined : publicKeyFrom(row.public_key)
    if (!publicKey) continue
    const verifier = { serverName: row.server_name, keyId: row.key_id, publicKey }
    keys.set(row.key_id, { verifier, usableUntil: usableUntil(row) })
  }
  return keys
}
