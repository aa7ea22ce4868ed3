/** The keys this server signs with, as it shows them to others. https://spec.matrix.org/v1.19/server-server-api/#publishing-keys */
import type { JsonObject } from '../../core/event.ts'
import type { ServerName } from '../../core/ids.ts'
import { publicKeyFrom, signJson, type Signer, type SigningKey, type Verifier } from '../../core/signing.ts'
import type { Clock } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import type { Database } from '../../storage/database.ts'
import { listOwnKeys, type OwnKeyRow, saveOwnKeys } from '../../storage/server-keys.ts'

const log = logger('federation')

/** How long others may use what they have read before they ask again. */
const VALIDITY_MS = 24 * 3_600_000
/** How long a document is given out before the next one is signed. */
const REUSE_MS = 3_600_000

export interface OwnKeysParts {
  readonly serverName: ServerName
  readonly database: Database
  readonly clock: Clock
  /** The first signs; the others did before it. */
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]]
}

export class OwnKeys {
  readonly #signer: Signer
  readonly #clock: Clock
  readonly #retired: readonly OwnKeyRow[]
  readonly #verifiers: ReadonlyMap<string, { readonly verifier: Verifier; readonly until: number }>
  #document: { readonly value: JsonObject; readonly until: number } | undefined

  private constructor({ serverName, clock, signingKeys }: OwnKeysParts, rows: readonly OwnKeyRow[]) {
    const [key] = signingKeys
    this.#signer = { serverName, key }
    this.#clock = clock
    this.#retired = rows.filter(({ key_id }) => key_id !== key.keyId)
    this.#verifiers = new Map(
      rows.flatMap(({ key_id: keyId, public_key, retired_ts }) => {
        const publicKey = publicKeyFrom(public_key)
        return publicKey ? [[keyId, { verifier: { serverName, keyId, publicKey }, until: retired_ts ?? Infinity }]] : []
      }),
    )
  }

  /** Takes note of which key signs from now on, and until when the others did (T27). */
  static async open(parts: OwnKeysParts): Promise<OwnKeys> {
    const rows = await parts.database.transaction('note own keys', async (tx) => {
      const before = await listOwnKeys(tx)
      const after = noteKeys(before, parts.signingKeys, parts.clock.now())
      await saveOwnKeys(tx, after)
      return after
    })
    return new OwnKeys(parts, rows)
  }

  /** Signed, and good for a day or nearly so. */
  document(): JsonObject {
    const now = this.#clock.now()
    if (this.#document && this.#document.until > now) return this.#document.value
    const { serverName, key } = this.#signer
    const old = this.#retired.map(({ key_id, public_key, retired_ts }) => [
      key_id,
      { expired_ts: retired_ts, key: public_key },
    ])
    const value = signJson(
      {
        server_name: serverName,
        valid_until_ts: now + VALIDITY_MS,
        verify_keys: { [key.keyId]: { key: key.publicKey } },
        old_verify_keys: Object.fromEntries(old) as JsonObject,
      },
      this.#signer,
    )
    this.#document = { value, until: now + REUSE_MS }
    return value
  }

  /** Undefined if there is no such key, or it did not sign any more at that time; `at` undefined is any time. */
  verifierFor(keyId: string, at: number | undefined): Verifier | undefined {
    const found = this.#verifiers.get(keyId)
    return found && (at === undefined || at <= found.until) ? found.verifier : undefined
  }
}

/** All keys there have ever been: what is not the first of `signingKeys` has retired, at the latest now. */
function noteKeys(
  before: readonly OwnKeyRow[],
  signingKeys: OwnKeysParts['signingKeys'],
  now: number,
): readonly OwnKeyRow[] {
  const rows = new Map(before.map((row) => [row.key_id, row]))
  for (const { keyId, publicKey } of signingKeys) {
    const known = rows.get(keyId)
    if (known && known.public_key !== publicKey) {
      log.error({ keyId }, 'a signing key has the id of an earlier one: other servers will not believe it')
    }
    rows.set(keyId, { key_id: keyId, public_key: publicKey, retired_ts: known?.retired_ts ?? null })
  }
  const [{ keyId: current }] = signingKeys
  return [...rows.values()].map((row) => ({
    ...row,
    retired_ts: row.key_id === current ? null : (row.retired_ts ?? now),
  }))
}
