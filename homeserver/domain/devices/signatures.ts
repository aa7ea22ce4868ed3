/** Signatures on keys that are published already. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload */
import { isJsonObject } from '../../core/canonical-json.ts'
import { MatrixError, notFound } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { type DeviceId, isUserId, type UserId } from '../../core/ids.ts'
import {
  listCrossSigningKeys,
  setCrossSigningKey,
  setUserSignatures,
  type StoredCrossSigningKey,
  type Usage,
  type UserSignature,
} from '../../storage/cross-signing.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { listDeviceKeys, setDeviceKeys } from '../../storage/device-keys.ts'
import type { Streams } from '../../storage/streams.ts'
import type { DeviceLists } from './device-lists.ts'
import {
  coveredText,
  invalidSignature,
  isSignatures,
  isSignedBy,
  parseStored,
  type SignedKeys,
  signaturesOf,
  storedText,
  withSignatures,
} from './signed-keys.ts'

/** User → device id or public key → the keys with new signatures. */
export type SignatureUpload = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>
/** User → device id or public key → why not. */
export type SignatureFailures = Record<string, Record<string, { readonly errcode: string; readonly error: string }>>

/** What can be signed, and how to keep it then. */
interface Target {
  /** Undefined for a device. */
  readonly usage: Usage | undefined
  readonly keys: SignedKeys
  readonly save: (tx: Tx, text: string) => Promise<void>
}

/** The user's own keys: what others may sign, and those that sign, by key id. */
interface OwnKeys {
  readonly targets: ReadonlyMap<string, Target>
  readonly signing: ReadonlyMap<string, string>
}

export class KeySignatures {
  readonly #database: Database
  readonly #streams: Streams
  readonly #deviceLists: DeviceLists

  constructor(parts: { database: Database; streams: Streams; deviceLists: DeviceLists }) {
    this.#database = parts.database
    this.#streams = parts.streams
    this.#deviceLists = parts.deviceLists
  }

  /** Keeps every signature that is valid, and tells of the others why not. */
  async upload(signer: UserId, upload: SignatureUpload): Promise<SignatureFailures> {
    return await this.#database.transaction('upload signatures', async (tx) => {
      const failures = Object.create(null) as SignatureFailures // keys are what a client wrote, such as `constructor`
      const attempt = async (userId: string, keyId: string, sign: () => void | Promise<void>): Promise<void> => {
        try {
          await sign()
        } catch (error) {
          if (!(error instanceof MatrixError)) throw error
          failures[userId] ??= {}
          failures[userId][keyId] = { errcode: error.errcode, error: error.message }
        }
      }
      const own = await ownKeys(tx, signer)
      const devices: DeviceId[] = []
      let crossSigning = false
      for (const [keyId, value] of Object.entries(upload[signer] ?? {})) {
        await attempt(signer, keyId, async () => {
          const signed = signOwn(own, signer, keyId, value)
          if (!signed) return
          await signed.target.save(tx, storedText(signed.keys))
          if (signed.target.usage === undefined) devices.push(keyId)
          else crossSigning = true
        })
      }
      if (devices.length > 0 || crossSigning) await this.#deviceLists.announce(tx, signer, { devices, crossSigning })
      const others = Object.keys(upload).filter((userId) => userId !== signer)
      const masterKeys = await masterKeysOf(tx, others.filter(isUserId))
      const signatures: UserSignature[] = []
      for (const userId of others) {
        for (const [keyId, value] of Object.entries(upload[userId] ?? {})) {
          await attempt(userId, keyId, () => {
            signatures.push(signOther(own, signer, masterKeys.get(userId), keyId, value))
          })
        }
      }
      await this.#keep(tx, signer, signatures)
      return failures
    })
  }

  /** Only the signer's other devices hear of it. */
  async #keep(tx: Tx, signer: UserId, signatures: readonly UserSignature[]): Promise<void> {
    if (signatures.length === 0) return
    const first = this.#streams.reserve(tx, 'device_lists', signatures.length, { users: [signer] })
    await this.#streams.remember(tx, 'device_lists')
    await setUserSignatures(tx, signer, signatures, first)
  }
}

async function ownKeys(tx: Tx, userId: UserId): Promise<OwnKeys> {
  const [devices, crossSigning] = [await listDeviceKeys(tx, [userId]), await listCrossSigningKeys(tx, [userId])]
  const targets = new Map<string, Target>()
  const signing = new Map<string, string>()
  for (const { deviceId, keys: text } of devices) {
    const keys = parseStored(text)
    targets.set(deviceId, {
      keys,
      usage: undefined,
      save: (inTx, changed) => setDeviceKeys(inTx, userId, deviceId, changed),
    })
    const publicKey = keys.keys[`ed25519:${deviceId}`]
    if (publicKey !== undefined) signing.set(`ed25519:${deviceId}`, publicKey)
  }
  for (const key of crossSigning) {
    const save = (inTx: Tx, keys: string): Promise<void> => setCrossSigningKey(inTx, { ...key, keys })
    if (key.usage === 'master') targets.set(key.publicKey, { keys: parseStored(key.keys), usage: key.usage, save })
    signing.set(`ed25519:${key.publicKey}`, key.publicKey)
  }
  return { targets, signing }
}

async function masterKeysOf(tx: Tx, userIds: readonly UserId[]): Promise<Map<string, StoredCrossSigningKey>> {
  const keys = await listCrossSigningKeys(tx, userIds)
  return new Map(keys.filter(({ usage }) => usage === 'master').map((key) => [key.userId, key]))
}

/** The user's own device or master key with the new signatures; undefined if there are none. Signatures of keys that are gone go. */
function signOwn(
  { targets, signing }: OwnKeys,
  userId: UserId,
  keyId: string,
  value: JsonObject,
): { target: Target; keys: SignedKeys } | undefined {
  const target = targets.get(keyId)
  if (!target) throw notFound('You have no device or master key of this name')
  const known = signaturesOf(target.keys, userId)
  const added = newSignatures(value, target.keys, userId)
  const fresh = Object.entries(added).filter(([id, signature]) => known[id] !== signature)
  if (fresh.length === 0) return undefined
  for (const [id] of fresh) {
    const publicKey = signing.get(id)
    if (publicKey === undefined) throw notFound(`You have no key ${id}`)
    if (!isSignedBy(value, userId, id, publicKey)) throw invalidSignature(`The signature of ${id} is wrong`)
  }
  const live = Object.fromEntries(Object.entries(known).filter(([id]) => signing.has(id)))
  const kept = { ...target.keys, signatures: { ...target.keys.signatures, [userId]: live } }
  return { target, keys: withSignatures(kept, userId, Object.fromEntries(fresh)) }
}

/** What the user's user-signing key says of somebody else's master key. */
function signOther(
  { signing }: OwnKeys,
  signer: UserId,
  master: StoredCrossSigningKey | undefined,
  keyId: string,
  value: JsonObject,
): UserSignature {
  if (!master || master.publicKey !== keyId) throw notFound('This is not the master key of the user')
  const signatures = newSignatures(value, parseStored(master.keys), signer)
  for (const id of Object.keys(signatures)) {
    const publicKey = signing.get(id)
    if (publicKey === undefined) throw notFound(`You have no key ${id}`)
    if (!isSignedBy(value, signer, id, publicKey)) throw invalidSignature(`The signature of ${id} is wrong`)
  }
  return { userId: master.userId, publicKey: keyId, signatures }
}

/** The signer's signatures on what is stored here as well. */
function newSignatures(value: JsonObject, stored: SignedKeys, signer: UserId): Readonly<Record<string, string>> {
  const { signatures } = value
  if (!isSignatures(signatures)) throw invalidSignature('There are no signatures')
  if (coveredText(value) !== coveredText(stored)) throw invalidSignature('What is signed is not the key we have')
  const added = isJsonObject(signatures) && Object.hasOwn(signatures, signer) ? (signatures[signer] ?? {}) : {}
  if (Object.keys(added).length === 0) throw invalidSignature('There is no signature of yours')
  return added
}
