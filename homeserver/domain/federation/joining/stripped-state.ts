/** What somebody outside of a room is told of it. https://spec.matrix.org/v1.19/client-server-api/#stripped-state */
import { encodeCanonical, isJsonObject, parseJson } from '../../../core/canonical-json.ts'
import { invalidParam, MatrixError } from '../../../core/errors.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import { isUserId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import type { Database } from '../../../storage/database.ts'
import { currentStateEvents, findStateEvent } from '../../../storage/rooms.ts'
import { findMembership } from '../../../storage/memberships.ts'
import { listStrippedStates } from '../../../storage/stripped-states.ts'
import { strippedTypes } from '../../rooms/stripped-types.ts'
import type { EventVerifier } from '../receive/verify-event.ts'

/** Events, and bytes of all of them, that another server may send along; what is beyond is not looked at (T17). */
const MAX_EVENTS = 50
const MAX_BYTES = 65_536

/** The PDUs that tell of a room, with the member event of whoever invites. */
export async function stateToTell(database: Database, roomId: RoomId, inviter?: UserId): Promise<JsonObject[]> {
  const [state, member] = await Promise.all([
    currentStateEvents(database, roomId, strippedTypes),
    inviter === undefined ? undefined : findStateEvent(database, roomId, 'm.room.member', inviter),
  ])
  return [...state.filter(({ row }) => row.state_key === ''), ...(member ? [member] : [])].map(({ pdu }) => pdu)
}

/** The servers of those who wrote what came along with an invitation of this user, or in answer to a knock. */
export async function serversTold(database: Database, roomId: RoomId, userId: UserId): Promise<ServerName[]> {
  const membership = await findMembership(database, roomId, userId)
  if (!membership) return []
  const told = (await listStrippedStates(database, [membership.event_id])).get(membership.event_id) ?? []
  return told.flatMap(({ sender }) => (isUserId(sender) ? [serverNameOf(sender)] : []))
}

/**
 * What of the state that another server told may be shown. Where the room id is the hash of the create event, that has
 * to be there and all of it signed: throws `M_INVALID_PARAM` else. In other rooms what is malformed is left out.
 */
export async function checkToldState(
  verifier: EventVerifier,
  version: RoomVersion,
  roomId: RoomId,
  told: Json | undefined,
): Promise<JsonObject[]> {
  const list = Array.isArray(told) ? (told as readonly Json[]).slice(0, MAX_EVENTS) : []
  const events = version.roomIdIsCreateHash ? await signedOf(verifier, version, roomId, list) : list
  let left = MAX_BYTES
  return events.flatMap((event) => {
    const shown = shownOf(event)
    if (!shown || (left -= Buffer.byteLength(encodeCanonical(shown))) < 0) return []
    return [shown]
  })
}

/** The events as their authors hashed them, once each. */
async function signedOf(
  verifier: EventVerifier,
  version: RoomVersion,
  roomId: RoomId,
  list: readonly Json[],
): Promise<readonly JsonObject[]> {
  const { events, refusals } = await verifier.verifyAll(version, roomId, list)
  const [refusal] = refusals
  if (refusal) throw invalidParam(`The state that came along is not that of the room: ${refusal.message}`)
  if (!events.some(({ pdu }) => pdu.type === 'm.room.create')) {
    throw invalidParam('The create event is not in the state that came along')
  }
  return events.map(({ pdu }) => pdu)
}

/** Clients see from the whole create event whether the room is what it says it is. */
function shownOf(event: Json): JsonObject | undefined {
  if (!isJsonObject(event)) return undefined
  const { type, state_key, sender, content } = event
  const isStripped = typeof type === 'string' && typeof state_key === 'string' && isUserId(sender)
  if (!isStripped || !isJsonObject(content)) return undefined
  const { unsigned: _unsigned, ...whole } = event
  return plain(type === 'm.room.create' ? whole : { type, state_key, sender, content })
}

/** With numbers that JavaScript can hold. */
function plain(event: JsonObject): JsonObject | undefined {
  try {
    const value = parseJson(encodeCanonical(event), { numbers: 'plain' })
    return isJsonObject(value) ? value : undefined
  } catch (error) {
    if (error instanceof MatrixError) return undefined
    throw error
  }
}
