/** Answers users who ask for the keys of others, thousands of them at once. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery */
import { isUserId, serverNameOf, type DeviceId, type ServerName, type UserId } from '../../core/ids.ts'
import { listUserSignatures, type StoredCrossSigningKey, type UserSignature } from '../../storage/cross-signing.ts'
import type { Database } from '../../storage/database.ts'
import type { Claim } from '../../storage/one-time-keys.ts'
import type { RemoteKeyAnswer, RemoteKeys } from './hooks.ts'
import { claimedText, crossSigningText, devicesText, member, object } from './key-text.ts'
import type { LocalKeys } from './local-keys.ts'
import type { OneTimeKeys } from './one-time-keys.ts'
import { parseStored, storedText, withSignatures } from './signed-keys.ts'

/** User → devices; no devices stand for all of them. */
export type WantedKeys = Readonly<Record<string, readonly DeviceId[]>>

/** User → device → algorithm. */
export type WantedOneTimeKeys = Readonly<Record<string, Readonly<Record<DeviceId, string>>>>

const nothing: RemoteKeyAnswer = { stored: [], strangers: [], devices: [], crossSigning: [], failures: {} }

export class KeyDirectory {
  readonly #database: Database
  readonly #serverName: ServerName
  readonly #localKeys: LocalKeys
  readonly #oneTimeKeys: OneTimeKeys
  readonly #remoteKeys: readonly RemoteKeys[]

  constructor(parts: {
    database: Database
    serverName: ServerName
    localKeys: LocalKeys
    oneTimeKeys: OneTimeKeys
    remoteKeys: readonly RemoteKeys[]
  }) {
    this.#database = parts.database
    this.#serverName = parts.serverName
    this.#localKeys = parts.localKeys
    this.#oneTimeKeys = parts.oneTimeKeys
    this.#remoteKeys = parts.remoteKeys
  }

  /** Identity and cross-signing keys. User-signing keys, and signatures by them, are the requester's own alone. */
  async query(requester: UserId, wanted: WantedKeys, timeoutMs: number): Promise<string> {
    const users = Object.keys(wanted).filter(isUserId)
    const others = users.filter((userId) => !this.#isLocal(userId))
    const [remoteKeys] = this.#remoteKeys
    const remote = others.length > 0 && remoteKeys ? await remoteKeys.query(others, timeoutMs) : nothing
    const stored = [...users.filter((userId) => this.#isLocal(userId)), ...remote.stored]
    const answered = [...stored, ...remote.strangers]
    const [{ devices, crossSigning }, signatures] = await Promise.all([
      this.#localKeys.of(stored, wanted),
      listUserSignatures(this.#database, requester, answered),
    ])
    const signed = new Map(signatures.map((signature) => [signature.userId, signature]))
    const keys = [...crossSigning, ...remote.crossSigning]
    const own = keys.filter(({ userId }) => userId === requester)
    return object([
      member('device_keys', devicesText(answered, [...devices, ...remote.devices], wanted)),
      member('failures', JSON.stringify(remote.failures)),
      member(
        'master_keys',
        crossSigningText(keys, 'master', (key) => masterKey(key, requester, signed.get(key.userId))),
      ),
      member('self_signing_keys', crossSigningText(keys, 'self_signing')),
      member('user_signing_keys', crossSigningText(own, 'user_signing')),
    ])
  }

  /** A one-time or fallback key of each device that has one. https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim */
  async claim(wanted: WantedOneTimeKeys, timeoutMs: number): Promise<string> {
    const claims = claimsIn(wanted)
    const others = claims.filter(({ userId }) => !this.#isLocal(userId))
    const [remoteKeys] = this.#remoteKeys
    const [keys, remote] = await Promise.all([
      this.#oneTimeKeys.claim(claims.filter(({ userId }) => this.#isLocal(userId))),
      others.length > 0 && remoteKeys ? remoteKeys.claim(others, timeoutMs) : { keys: [], failures: {} },
    ])
    return object([
      member('failures', JSON.stringify(remote.failures)),
      member('one_time_keys', claimedText([...keys, ...remote.keys])),
    ])
  }

  #isLocal(userId: UserId): boolean {
    return serverNameOf(userId) === this.#serverName
  }
}

export function claimsIn(wanted: WantedOneTimeKeys): Claim[] {
  return Object.entries(wanted).flatMap(([userId, devices]) =>
    isUserId(userId) ? Object.entries(devices).map(([deviceId, algorithm]) => ({ userId, deviceId, algorithm })) : [],
  )
}

function masterKey(
  { publicKey, keys }: StoredCrossSigningKey,
  requester: UserId,
  signature: UserSignature | undefined,
): string {
  if (signature?.publicKey !== publicKey) return keys
  return storedText(withSignatures(parseStored(keys), requester, signature.signatures))
}
