/** The state of a room as a server tells it to one that joins: read as it arrives, verified before any of it is believed. */
import { parseJson } from '../../../core/canonical-json.ts'
import { type EventId, isServerName, type RoomId, type ServerName } from '../../../core/ids.ts'
import { type Json, type StateKey, stateKeyOf } from '../../../core/event.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import { unusable } from '../federation-error.ts'
import { ToldEvents } from '../receive/told-events.ts'
import type { EventVerifier } from '../receive/verify-event.ts'
import { readMembers } from './json-members.ts'

/** What a server answers to send_join. */
export interface ToldRoom {
  /** The join as it took it, with its signature where that is needed. */
  readonly event: Json | undefined
  /** The events of the state, and of the auth chain. */
  readonly events: ToldEvents
  /** Which of them are the state, and the state's keys; undefined for what can be no state. */
  readonly state: ReadonlyMap<EventId, StateKey | undefined>
  /** The room versions that its create events tell: there should be one, but who knows before they are verified. */
  readonly createdVersions: ReadonlyMap<EventId, Json>
  readonly membersOmitted: boolean
  /** Who is in the room, where members were left out. */
  readonly servers: readonly ServerName[]
}

export interface RoomOfVersion {
  readonly version: RoomVersion
  readonly roomId: RoomId
}

/** In one room. */
const MAX_SERVERS = 20_000

const createKey = stateKeyOf('m.room.create', '')

export async function readRoom(
  room: RoomOfVersion,
  verifier: EventVerifier,
  body: AsyncIterable<Uint8Array>,
): Promise<ToldRoom> {
  const events = new ToldEvents(room, verifier)
  const state = new Map<EventId, StateKey | undefined>()
  const createdVersions = new Map<EventId, Json>()
  const single = new Map<string, Json>()
  const servers = new Set<ServerName>()
  try {
    for await (const { key, text } of readMembers(body)) {
      if (key === 'auth_chain') await events.add(text)
      else if (key === 'state') {
        const event = await events.add(text)
        if (event) state.set(event.eventId, event.key)
        if (event?.key === createKey) createdVersions.set(event.eventId, event.pdu.content['room_version'] ?? '1')
      } else if (key === 'servers_in_room' && servers.size < MAX_SERVERS) addServer(servers, parseJson(text))
      else if (key === 'event' || key === 'members_omitted') single.set(key, parseJson(text))
    }
  } catch (error) {
    events[Symbol.dispose]()
    throw error
  }
  const membersOmitted = single.get('members_omitted') === true
  return { event: single.get('event'), events, state, createdVersions, membersOmitted, servers: [...servers] }
}

function addServer(servers: Set<ServerName>, name: Json): void {
  if (typeof name === 'string' && isServerName(name)) servers.add(name)
}

/** Throws unless what of the state is `verified` is that of a room of this version. */
export function checkState(
  server: ServerName,
  version: RoomVersion,
  { state, createdVersions }: Pick<ToldRoom, 'state' | 'createdVersions'>,
  verified: { has(eventId: EventId): boolean },
): void {
  const byKey = new Map<StateKey, EventId>()
  for (const [eventId, key] of state) {
    if (!verified.has(eventId)) continue
    if (key === undefined) throw unusable(server, 'told of a state with an event that is none')
    if (byKey.has(key)) throw unusable(server, 'told of a state with two events for one key')
    byKey.set(key, eventId)
  }
  const createId = byKey.get(createKey)
  if (createId === undefined) throw unusable(server, 'told of a state without a create event')
  if (createdVersions.get(createId) !== version.id)
    throw unusable(server, 'told of a room of another version than it said before')
}
