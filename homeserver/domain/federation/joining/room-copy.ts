/** The state of a room as a server tells it to one that joins: read as it arrives, verified before any of it is believed. */
import { parseJson } from '../../../core/canonical-json.ts'
import { isServerName, type RoomId, type ServerName } from '../../../core/ids.ts'
import { type Json, type StateKey, stateKeyOf } from '../../../core/event.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import { unusable } from '../federation-error.ts'
import type { PackedEvent } from '../receive/packed-event.ts'
import type { EventVerifier, Keys } from '../receive/verify-event.ts'
import { WantedKeys } from '../receive/wanted-keys.ts'
import { readMembers } from './json-members.ts'

/** What a server answers to send_join. */
export interface ToldRoom {
  /** The join as it took it, with its signature where that is needed. */
  readonly event: Json | undefined
  /** Texts of events, and of the auth chain. */
  readonly state: string[]
  readonly authChain: string[]
  /** The keys that they are signed with. */
  readonly wantedKeys: WantedKeys
  readonly membersOmitted: boolean
  /** Who is in the room, where members were left out. */
  readonly servers: readonly ServerName[]
}

/** The parts of a room that are what they claim to be. */
export interface RoomCopy {
  readonly state: readonly PackedEvent[]
  /** The auth chain, without what is in the state. */
  readonly others: readonly PackedEvent[]
}

export interface RoomOfVersion {
  readonly version: RoomVersion
  readonly roomId: RoomId
}

/** In one room. */
const MAX_SERVERS = 20_000

export async function readRoom(body: AsyncIterable<Uint8Array>): Promise<ToldRoom> {
  const state: string[] = []
  const authChain: string[] = []
  const wantedKeys = new WantedKeys()
  const lists = new Map([
    ['state', state],
    ['auth_chain', authChain],
  ])
  const single = new Map<string, Json>()
  const servers = new Set<ServerName>()
  for await (const { key, text } of readMembers(body)) {
    const list = lists.get(key)
    if (list) {
      list.push(text)
      wantedKeys.add(parseJson(text))
    } else if (key === 'servers_in_room' && servers.size < MAX_SERVERS) addServer(servers, parseJson(text))
    else if (key === 'event' || key === 'members_omitted') single.set(key, parseJson(text))
  }
  const membersOmitted = single.get('members_omitted') === true
  return { event: single.get('event'), state, authChain, wantedKeys, membersOmitted, servers: [...servers] }
}

function addServer(servers: Set<ServerName>, name: Json): void {
  if (typeof name === 'string' && isServerName(name)) servers.add(name)
}

/** Leaves out events nobody vouches for. Throws unless the state is that of a room of this version. */
export async function verifyRoom(
  { verifier, keys }: { readonly verifier: EventVerifier; readonly keys: Keys },
  server: ServerName,
  { version, roomId }: RoomOfVersion,
  told: ToldRoom,
): Promise<RoomCopy> {
  await told.wantedKeys.fetch(keys)
  const state = await verifier.verifyTexts(version, roomId, told.state, new Set())
  checkState(server, version, state)
  const inState = new Set(state.map(({ eventId }) => eventId))
  return { state, others: await verifier.verifyTexts(version, roomId, told.authChain, inState) }
}

function checkState(server: ServerName, version: RoomVersion, state: readonly PackedEvent[]): void {
  const byKey = new Map<StateKey, PackedEvent>()
  for (const event of state) {
    if (event.key === undefined) throw unusable(server, 'told of a state with an event that is none')
    byKey.set(event.key, event)
  }
  if (byKey.size < state.length) throw unusable(server, 'told of a state with two events for one key')
  const create = byKey.get(stateKeyOf('m.room.create', ''))
  if (!create) throw unusable(server, 'told of a state without a create event')
  if ((create.pdu.content['room_version'] ?? '1') !== version.id) {
    throw unusable(server, 'told of a room of another version than it said before')
  }
}
