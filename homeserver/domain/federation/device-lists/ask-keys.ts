/** Questions to other servers about the keys of their users. https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import type { ServerName, UserId } from '../../../core/ids.ts'
import type { Claim, ClaimedKey } from '../../../storage/one-time-keys.ts'
import { parseKeyObjects } from '../../devices/one-time-keys.ts'
import { MatrixError } from '../../../core/errors.ts'
import { type FederationClient, federationPath } from '../client.ts'
import { unusable } from '../federation-error.ts'
import { type KeysOfUser, keysOfUser } from './said-keys.ts'

export type KeyClient = Pick<FederationClient, 'get' | 'post'>

export interface AskOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Of an answer about as many users as a question has. */
const MAX_BYTES = 16 * 1024 * 1024
const USERS_PER_QUESTION = 250

/** Everything published by each of these users, all of one server. Throws `FederationError`. */
export async function askKeys(
  client: KeyClient,
  server: ServerName,
  userIds: readonly UserId[],
  options: AskOptions,
): Promise<KeysOfUser[]> {
  const answers: KeysOfUser[] = []
  for (let from = 0; from < userIds.length; from += USERS_PER_QUESTION) {
    const asked = userIds.slice(from, from + USERS_PER_QUESTION)
    const body = { device_keys: Object.fromEntries(asked.map((userId) => [userId, []])) }
    const call = { ...options, body, maxBytes: MAX_BYTES }
    const answer = await client.post(server, federationPath`/v1/user/keys/query`, call)
    answers.push(...keysIn(answer, asked))
  }
  return answers
}

/** What the answer to a question for keys says of these users. */
export function keysIn(answer: JsonObject, userIds: readonly UserId[]): KeysOfUser[] {
  const [devices, masters, selfSigning] = ['device_keys', 'master_keys', 'self_signing_keys'].map((field) =>
    objectAt(answer, field),
  )
  return userIds.map((userId) => {
    const said = Object.entries(objectAt(devices, userId)).map(([deviceId, keys]) => ({
      deviceId,
      keys,
      name: objectAt(objectAt({ keys }, 'keys'), 'unsigned')['device_display_name'],
    }))
    return keysOfUser(userId, said, { master: at(masters, userId), selfSigning: at(selfSigning, userId) })
  })
}

/** The list of a user's devices, with the number of its last update. Throws `FederationError`. */
export async function askDeviceList(
  client: KeyClient,
  server: ServerName,
  userId: UserId,
  options: AskOptions,
): Promise<{ readonly keys: KeysOfUser; readonly streamId: number }> {
  const call = { ...options, maxBytes: MAX_BYTES }
  const answer = await client.get(server, federationPath`/v1/user/devices/${userId}`, call)
  const { user_id: said, stream_id: streamId, devices } = answer
  if (said !== userId || !isStreamId(streamId) || !Array.isArray(devices)) {
    throw unusable(server, 'did not answer with the device list of the user')
  }
  const known = devices.filter(isJsonObject).map((device) => ({
    deviceId: device['device_id'],
    keys: device['keys'],
    name: device['device_display_name'],
  }))
  const crossSigning = { master: answer['master_key'], selfSigning: answer['self_signing_key'] }
  return { keys: keysOfUser(userId, known, crossSigning), streamId }
}

/** The keys a server gives for these claims, all for users of its own: at most one for each. Throws `FederationError`. */
export async function askOneTimeKeys(
  client: KeyClient,
  server: ServerName,
  claims: readonly Claim[],
  options: AskOptions,
): Promise<ClaimedKey[]> {
  const wanted: Record<string, Record<string, string>> = {}
  for (const { userId, deviceId, algorithm } of claims) (wanted[userId] ??= {})[deviceId] = algorithm
  const call = { ...options, body: { one_time_keys: wanted }, maxBytes: MAX_BYTES }
  const answer = objectAt(await client.post(server, federationPath`/v1/user/keys/claim`, call), 'one_time_keys')
  return oneTimeKeysIn(answer, claims)
}

/** What an answer of user, device and keys has for these claims: at most one for each. */
export function oneTimeKeysIn(answer: JsonObject, claims: readonly Claim[]): ClaimedKey[] {
  return claims.flatMap((claim) => claimedKey(claim, objectAt(objectAt(answer, claim.userId), claim.deviceId)) ?? [])
}

/** The one that was claimed, among what is said to be it. */
function claimedKey(claim: Claim, said: JsonObject): ClaimedKey | undefined {
  try {
    const [key] = parseKeyObjects('one_time_keys', said as Record<string, Json>).filter(
      ({ algorithm }) => algorithm === claim.algorithm,
    )
    return key && { ...claim, ...key }
  } catch (error) {
    if (error instanceof MatrixError) return undefined
    throw error
  }
}

export function isStreamId(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value)
}

function at(object: JsonObject | undefined, key: string): Json | undefined {
  return object && Object.hasOwn(object, key) ? object[key] : undefined
}

/** Empty where there is none. */
function objectAt(object: JsonObject | undefined, key: string): JsonObject {
  const value = at(object, key)
  return isJsonObject(value) ? value : {}
}
