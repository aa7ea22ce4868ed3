/** Vouches for the keys of other servers. https://spec.matrix.org/v1.19/server-server-api/#querying-keys-through-another-server */
import type { JsonObject } from '../../core/event.ts'
import type { ServerName } from '../../core/ids.ts'
import { signJson, type Signer } from '../../core/signing.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { listKeysOfServers, type ServerKeyRow } from '../../storage/server-keys.ts'
import type { KeyRing } from './keys.ts'
import type { OwnKeys } from './own-keys.ts'

export interface KeyQuestion {
  readonly server: ServerName
  /** Empty for all keys. */
  readonly keyIds: readonly string[]
  /** In milliseconds; undefined for now (T25). */
  readonly minimumValidUntilTs: number | undefined
}

/** Who asks for many servers gets what could be found out in this time. */
const PATIENCE_MS = 15_000

export class Notary {
  readonly #parts: {
    readonly signer: Signer
    readonly ownKeys: OwnKeys
    readonly keyRing: KeyRing
    readonly database: Database
    readonly clock: Clock
  }

  constructor(parts: { signer: Signer; ownKeys: OwnKeys; keyRing: KeyRing; database: Database; clock: Clock }) {
    this.#parts = parts
  }

  /** Documents of their servers with our signature added; none for servers that nobody knows of. */
  async query(questions: readonly KeyQuestion[], signal: AbortSignal): Promise<JsonObject[]> {
    const { signer, ownKeys, keyRing, database, clock } = this.#parts
    const others = questions.filter(({ server }) => server !== signer.serverName)
    const servers = others.map(({ server }) => server)
    let known = byServer(await listKeysOfServers(database, servers))
    const open = others.filter((question) => !isAnswered(question, known.get(question.server), clock.now()))
    if (open.length > 0) {
      const enough = new AbortController()
      const patience = clock.sleep(PATIENCE_MS, AbortSignal.any([signal, enough.signal])).catch(() => undefined)
      await Promise.race([patience, Promise.all(open.map(({ server }) => keyRing.refresh(server)))])
      enough.abort()
      known = byServer(await listKeysOfServers(database, servers))
    }
    const documents = others.flatMap(({ server, keyIds }) => {
      const rows = known.get(server) ?? []
      const asked = keyIds.length === 0 ? rows : rows.filter(({ key_id }) => keyIds.includes(key_id))
      return [...new Set((asked.length > 0 ? asked : rows).map(({ document }) => document))]
    })
    const signed = documents.map((text) => signJson(JSON.parse(text) as JsonObject, signer)) // canonical, as it was stored
    return others.length < questions.length ? [ownKeys.document(), ...signed] : signed
  }
}

const byServer = (rows: readonly ServerKeyRow[]): Map<ServerName, ServerKeyRow[]> =>
  Map.groupBy(rows, ({ server_name }) => server_name)

/** Whether all keys asked for are there and, if they still sign, good for long enough. */
function isAnswered(
  { keyIds, minimumValidUntilTs }: KeyQuestion,
  rows: readonly ServerKeyRow[] | undefined,
  now: number,
): boolean {
  if (!rows || rows.length === 0) return false
  const asked = keyIds.length === 0 ? rows : rows.filter(({ key_id }) => keyIds.includes(key_id))
  if (asked.length < keyIds.length) return false
  const minimum = minimumValidUntilTs ?? now
  return asked.every(({ expired_ts, valid_until_ts }) => expired_ts !== null || valid_until_ts >= minimum)
}
