/** One-time and fallback keys. https://spec.matrix.org/v1.19/client-server-api/#one-time-and-fallback-keys */
import { encodeCanonical, isJsonObject } from '../../core/canonical-json.ts'
import { badJson, refuse, tooLarge } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { type DeviceId, fitsId, type UserId } from '../../core/ids.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { GroupCommit } from '../../storage/group-commit.ts'
import {
  addOneTimeKeys,
  type Claim,
  type ClaimedKey,
  listFallbackAlgorithms,
  listKeysLeft,
  listOneTimeKeys,
  type PublishedKey,
  setFallbackKeys,
  takeOneTimeKeys,
  useFallbackKeys,
} from '../../storage/one-time-keys.ts'
import type { KeyKeeper } from './hooks.ts'
import { maxFallbackKeys, maxKeyBytes, maxOneTimeKeys } from '../limits.ts'
import { coveredText, isSignatures } from './signed-keys.ts'

/** `algorithm:id` → key object, or the key itself where the algorithm has no signatures. */
export type KeyObjects = Readonly<Record<string, Json>>

/** What a device has left; every sync tells it. */
export interface KeysLeft {
  /** One-time keys by algorithm; those that all clients use are counted even if there are none. */
  readonly counts: Readonly<Record<string, number>>
  readonly unusedFallbacks: readonly string[]
}

/** Where a key may come from. */
type Kind = 'one-time' | 'fallback'

interface Claims {
  readonly claims: readonly Claim[]
  /** The next is tried for what the one before has not. */
  readonly kinds: readonly Kind[]
}

const MAX_CACHED_DEVICES = 20_000

export class OneTimeKeys {
  readonly #database: Database
  readonly #left = new Lru<string, Promise<KeysLeft>>(MAX_CACHED_DEVICES)
  readonly #claims: GroupCommit<Claims, ClaimedKey[]>
  readonly #keepers: readonly KeyKeeper[]

  constructor({ database, keepers }: { database: Database; keepers: readonly KeyKeeper[] }) {
    this.#database = database
    this.#keepers = keepers
    this.#claims = new GroupCommit({
      database,
      name: 'claim keys',
      write: async (tx, requests) => {
        const answers: ClaimedKey[][] = []
        for (const claims of requests) answers.push(await this.#claimIn(tx, claims))
        return answers
      },
    })
  }

  /** Answers from memory unless keys of the device came or went since. */
  async left(userId: UserId, deviceId: DeviceId): Promise<KeysLeft> {
    const key = cacheKey(userId, deviceId)
    const known = this.#left.get(key)
    if (known) return await known
    const read = this.#read(userId, deviceId)
    this.#left.set(key, read)
    try {
      return await read
    } catch (error) {
      if (this.#left.get(key) === read) this.#left.delete(key)
      throw error
    }
  }

  async #read(userId: UserId, deviceId: DeviceId): Promise<KeysLeft> {
    const { oneTime, fallbacks } = await listKeysLeft(this.#database, userId, deviceId)
    return {
      counts: Object.fromEntries([
        ['signed_curve25519', 0],
        ...oneTime.map(({ algorithm, count }) => [algorithm, count]),
      ]),
      unusedFallbacks: fallbacks.filter(({ used }) => used === 0).map(({ algorithm }) => algorithm),
    }
  }

  /** Adds a device's keys. Keys that wait already are passed over if they are the same, and refused if they are not. */
  async publish(
    tx: Tx,
    userId: UserId,
    deviceId: DeviceId,
    { oneTime, fallback }: { oneTime: readonly PublishedKey[]; fallback: readonly PublishedKey[] },
  ): Promise<void> {
    if (oneTime.length > 0) {
      const waiting = await listOneTimeKeys(tx, userId, deviceId)
      const added = newKeys(oneTime, waiting)
      if (waiting.length + added.length > maxOneTimeKeys) throw tooLarge(`More than ${maxOneTimeKeys} one-time keys`)
      await addOneTimeKeys(tx, userId, deviceId, added)
    }
    if (fallback.length > 0) {
      const algorithms = new Set(fallback.map(({ algorithm }) => algorithm))
      if (algorithms.size < fallback.length) throw badJson('fallback_keys has two keys for one algorithm')
      await setFallbackKeys(tx, userId, deviceId, fallback)
      const all = await listFallbackAlgorithms(tx, userId, deviceId)
      if (all.length > maxFallbackKeys) throw tooLarge(`More than ${maxFallbackKeys} fallback keys`)
    }
    this.forget(tx, userId, deviceId)
  }

  /**
   * Hands out a key for each claim: the oldest one-time key, which nobody gets again, or else one of whoever keeps them
   * for this user, or else the fallback key. Devices without any are missing in the answer.
   */
  async claim(claims: readonly Claim[]): Promise<ClaimedKey[]> {
    const [keeper] = this.#keepers
    const kept = keeper ? claims.filter(({ userId }) => keeper.keeps(userId)) : []
    if (!keeper || kept.length === 0) return await this.#take(claims, ['one-time', 'fallback'])
    const others = claims.filter(({ userId }) => !keeper.keeps(userId))
    const keys = await Promise.all([this.#take(others, ['one-time', 'fallback']), this.#claimKept(keeper, kept)])
    return keys.flat()
  }

  async #claimKept(keeper: KeyKeeper, claims: readonly Claim[]): Promise<ClaimedKey[]> {
    const taken = await this.#take(claims, ['one-time'])
    const rest = unserved(claims, taken)
    const told = rest.length > 0 ? await keeper.claim(rest) : []
    return [...taken, ...told, ...(await this.#take(unserved(rest, told), ['fallback']))]
  }

  async #take(claims: readonly Claim[], kinds: readonly Kind[]): Promise<ClaimedKey[]> {
    return claims.length === 0 ? [] : await this.#claims.add({ claims, kinds })
  }

  async #claimIn(tx: Tx, { claims, kinds }: Claims): Promise<ClaimedKey[]> {
    const taken = kinds.includes('one-time') ? await takeOneTimeKeys(tx, claims) : []
    const fallbacks = kinds.includes('fallback') ? await useFallbackKeys(tx, unserved(claims, taken)) : []
    const all = [...taken, ...fallbacks]
    for (const { userId, deviceId } of all) this.forget(tx, userId, deviceId)
    return all
  }

  /** To be called in a transaction that changes the keys of a device. */
  forget(tx: Tx, userId: UserId, deviceId: DeviceId): void {
    tx.onCommit(() => this.#left.delete(cacheKey(userId, deviceId)))
  }
}

/** NUL stands in no user id. */
function cacheKey(userId: UserId, deviceId: DeviceId): string {
  return `${userId}\0${deviceId}`
}

function unserved(claims: readonly Claim[], keys: readonly ClaimedKey[]): Claim[] {
  const served = new Set(keys.map(claimKey))
  return claims.filter((claim) => !served.has(claimKey(claim)))
}

function claimKey({ userId, deviceId, algorithm }: Claim): string {
  return `${userId}\0${deviceId}\0${algorithm}`
}

/** Those that are not there yet. Throws if another key has the name of one of them; clients know the words of that error. */
function newKeys(keys: readonly PublishedKey[], waiting: readonly PublishedKey[]): PublishedKey[] {
  const known = new Map(waiting.map((key) => [nameOf(key), key.json]))
  return keys.filter((key) => {
    const name = nameOf(key)
    const old = known.get(name)
    if (old === undefined) return true
    if (unsignedText(old) === unsignedText(key.json)) return false
    throw refuse(400, 'M_UNKNOWN', `One time key ${name} already exists. Old key: ${old}; new key: ${key.json}`)
  })
}

export function nameOf({ algorithm, keyId }: PublishedKey): string {
  return `${algorithm}:${keyId}`
}

/** A key may be signed anew. */
function unsignedText(json: string): string {
  const value = JSON.parse(json) as Json // `parseKeyObjects` wrote it
  return isJsonObject(value) ? coveredText(value) : json
}

/** The keys of an upload. Throws `M_BAD_JSON` for what has no form of a key. `field` is told in errors. */
export function parseKeyObjects(field: string, objects: KeyObjects = {}): PublishedKey[] {
  return Object.entries(objects).map(([name, value]) => {
    const colon = name.indexOf(':')
    const [algorithm, keyId] = [name.slice(0, colon), name.slice(colon + 1)]
    if (colon < 1 || keyId === '' || !fitsId(name) || name.includes('\0')) {
      throw badJson(`${field}: '${name}' is not <algorithm>:<key id>`)
    }
    if (!isKeyObject(value)) throw badJson(`${field}: the value of '${name}' is no key`)
    const json = encodeCanonical(value)
    if (Buffer.byteLength(json) > maxKeyBytes) throw tooLarge(`${field}: '${name}' is too large`)
    return { algorithm, keyId, json }
  })
}

function isKeyObject(value: Json): boolean {
  if (typeof value === 'string') return true
  return isJsonObject(value) && typeof value['key'] === 'string' && isSignatures(value['signatures'] ?? {})
}
