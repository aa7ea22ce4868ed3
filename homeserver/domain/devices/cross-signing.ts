/** Keys of users, with which they sign their own devices and each other. https://spec.matrix.org/v1.19/client-server-api/#cross-signing */
import { forbidden, missingParam } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import {
  listCrossSigningKeys,
  removeCrossSigningKeys,
  removeUserSignaturesBy,
  setCrossSigningKey,
  type StoredCrossSigningKey,
  type Usage,
  usages,
} from '../../storage/cross-signing.ts'
import type { Conn, Database, Tx } from '../../storage/database.ts'
import { listDeviceIds } from '../../storage/sessions.ts'
import type { DeviceLists } from './device-lists.ts'
import {
  coveredText,
  invalidSignature,
  isSignedBy,
  parseCrossSigningKey,
  parseStored,
  storedText,
} from './signed-keys.ts'

export interface CrossSigningUpload {
  readonly master_key?: JsonObject | undefined
  readonly self_signing_key?: JsonObject | undefined
  readonly user_signing_key?: JsonObject | undefined
}

/** How an upload stands to what is there. */
type Effect = 'same' | 'first' | 'replaces'

export class CrossSigning {
  readonly #database: Database
  readonly #deviceLists: DeviceLists

  constructor({ database, deviceLists }: { database: Database; deviceLists: DeviceLists }) {
    this.#database = database
    this.#deviceLists = deviceLists
  }

  /** Whether the user has to prove who he is before he may upload this: only where keys are replaced, or added later. */
  async needsProof(userId: UserId, upload: CrossSigningUpload): Promise<boolean> {
    return (await this.#effect(this.#database, userId, upload)) === 'replaces'
  }

  /**
   * Publishes the keys; the same keys again change nothing. Throws `M_INVALID_SIGNATURE` for keys not signed by the
   * master key, `M_MISSING_PARAM` where there is none, `M_FORBIDDEN` where keys would be replaced without `isProven`.
   */
  async upload(userId: UserId, upload: CrossSigningUpload, { isProven }: { isProven: boolean }): Promise<void> {
    await this.#database.transaction('upload cross-signing keys', async (tx) => {
      const effect = await this.#effect(tx, userId, upload)
      if (effect === 'same') return
      if (effect === 'replaces' && !isProven) throw forbidden('You have other keys already')
      await this.#replace(tx, userId, upload)
    })
  }

  async #effect(conn: Conn, userId: UserId, upload: CrossSigningUpload): Promise<Effect> {
    const stored = new Map((await listCrossSigningKeys(conn, [userId])).map((key) => [key.usage, key.keys]))
    if (!stored.has('master')) return 'first'
    const isSame = usages.every((usage) => {
      const [given, known] = [upload[`${usage}_key`], stored.get(usage)]
      return given === undefined || (known !== undefined && coveredText(given) === coveredText(parseStored(known)))
    })
    return isSame ? 'same' : 'replaces'
  }

  async #replace(tx: Tx, userId: UserId, upload: CrossSigningUpload): Promise<void> {
    const given = new Map<Usage, StoredCrossSigningKey>()
    for (const usage of usages) {
      const value = upload[`${usage}_key`]
      if (value === undefined) continue
      const { keys, publicKey } = parseCrossSigningKey(value, userId, usage)
      given.set(usage, { userId, usage, publicKey, keys: storedText(keys) })
    }
    const master = given.get('master')?.publicKey ?? (await this.#masterKey(tx, userId))
    if (master === undefined) throw missingParam('There is no master key')
    for (const usage of ['self_signing', 'user_signing'] as const) {
      const value = upload[`${usage}_key`]
      if (value && !isSignedBy(value, userId, `ed25519:${master}`, master)) {
        throw invalidSignature(`${usage}_key is not signed by the master key`)
      }
    }
    const deviceIds = new Set(await listDeviceIds(tx, userId))
    for (const key of given.values()) {
      if (deviceIds.has(key.publicKey)) throw forbidden('Key ID in use')
      await setCrossSigningKey(tx, key)
    }
    // What another master key signed is worth nothing now.
    if (given.has('master'))
      await removeCrossSigningKeys(
        tx,
        userId,
        usages.filter((usage) => !given.has(usage)),
      )
    if (given.has('master') || given.has('user_signing')) await removeUserSignaturesBy(tx, userId)
    await this.#deviceLists.announce(tx, userId, { crossSigning: true })
  }

  async #masterKey(tx: Tx, userId: UserId): Promise<string | undefined> {
    const keys = await listCrossSigningKeys(tx, [userId])
    return keys.find(({ usage }) => usage === 'master')?.publicKey
  }
}
