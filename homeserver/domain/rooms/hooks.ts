/** What rooms ask of those who come after them: `compose.ts` fulfils it. */
import type { JsonObject, Pdu } from '../../core/event.ts'
import type { EventId, RoomAlias, RoomId, ServerName, UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { Requester } from '../accounts/requester.ts'
import type { EventDraft } from './build.ts'
import type { EventInTime, TimeQuestion } from './timestamp.ts'

/** Whoever keeps aliases and the published list. */
export interface RoomDirectory {
  /** Where an alias leads, and which servers know the room; undefined for one that leads nowhere. */
  resolve(alias: RoomAlias): Promise<{ readonly roomId: RoomId; readonly servers: readonly ServerName[] } | undefined>
  /** Throws `M_ROOM_IN_USE`, `M_EXCLUSIVE` or `M_INVALID_PARAM` unless this user may add this alias. */
  checkNew(who: Requester, alias: RoomAlias): Promise<void>
  /** Throws as `checkNew` does. */
  add(who: Requester, alias: RoomAlias, roomId: RoomId): Promise<void>
  /** Lists the room among the public ones. Throws `M_FORBIDDEN` where this user may not. */
  publish(who: Requester, roomId: RoomId): Promise<void>
  /** Gives a room's local aliases and its place in the list to the room that replaces it. */
  move(from: RoomId, to: RoomId): Promise<void>
}

/** Whoever keeps settings of a user for single rooms. */
export interface RoomSettings {
  /** Gives the settings for one room to the room that replaces it, unless it has settings of its own. */
  carryOver(userId: UserId, from: RoomId, to: RoomId): Promise<void>
}

/** A change of a local user's own membership that needs a server which is in the room. */
export interface RemoteChange {
  readonly roomId: RoomId
  readonly userId: UserId
  /** Of the member event, with `membership`. */
  readonly content: JsonObject
  /** Servers to ask first, best first. */
  readonly via: readonly ServerName[]
}

/**
 * Whoever asks other servers to let our users in and out. All resolve when the change is stored here, and throw what the
 * most telling of the servers answered.
 */
export interface RemoteRooms {
  /** Also into a room this server is in, where nobody of ours can authorise the join. */
  join(change: RemoteChange): Promise<EventId>
  /** Joins through this one server, and takes the room's state as it tells it for the state here, whatever that was. */
  joinAnew(server: ServerName, change: RemoteChange): Promise<EventId>
  /** Resolves when the servers that would be asked have heard what was done here before, or did not listen in time. */
  catchUp(change: RemoteChange): Promise<void>
  knock(change: RemoteChange): Promise<EventId>
  /** Refuses an invite or takes a knock back; here alone if no server answers. */
  leave(change: RemoteChange): Promise<EventId>
  /** An invite of a user of another server into a room this server is in: both servers sign it. */
  invite(roomId: RoomId, draft: EventDraft & { readonly stateKey: UserId }): Promise<EventId>
}

/** Whoever gets the history of rooms from other servers. */
export interface HistorySource {
  /** Fetches events that ours name as their parents, and more from before them. Whether any came in the time there is. */
  fetch(roomId: RoomId, missing: readonly EventId[]): Promise<boolean>
}

/** Whoever asks other servers for the event nearest to a time. What they tell may be untrue. */
export interface TimeSource {
  /** Undefined where none of them tells. Never throws. */
  nearest(roomId: RoomId, time: TimeQuestion): Promise<EventInTime | undefined>
}

/** The types of the event that names a room's policy server: as specified, and before that (MSC4284). */
export const policyTypes = ['m.room.policy', 'org.matrix.msc4284.policy'] as const

/** An event as a policy server is shown it. */
export interface PolicedEvent {
  readonly roomId: RoomId
  readonly pdu: Pdu
  /** Its canonical JSON. */
  readonly json: string
}

/** Whoever asks the policy servers of rooms whether events are wanted. */
export interface PolicyServers {
  /** The event with the signature that `policy` asks for, the room's. Throws a `MatrixError` where there is none to be had. */
  recommended<Event extends PolicedEvent>(event: Event, version: RoomVersion, policy: Pdu): Promise<Event>
}

/** Whoever takes in what other servers send. */
export interface Incoming {
  /** Resolves when what has come for a room is in it, or soon in any case. */
  settled(roomId: RoomId): Promise<void>
}

/** Filled by those who come after rooms. */
export interface RoomHooks {
  readonly incoming: Incoming[]
  readonly policyServers: PolicyServers[]
  readonly timeSources: TimeSource[]
  readonly historySources: HistorySource[]
  /** None where nobody talks with other servers. */
  readonly remoteRooms: RemoteRooms[]
}
