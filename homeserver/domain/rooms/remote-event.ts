/** Events that other servers made, and what becomes of them here. */
import type { IdentifiedPdu, JsonObject, Pdu } from '../../core/event.ts'
import type { EventId, RoomId, ServerName, UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { EventDraft } from './build.ts'
import type { SentEvent } from './writer.ts'

/**
 * An event of another server, or signed by several, whose format, room, signatures and content hash have been checked;
 * redacted if the hash was wrong. Only `EventVerifier` of domain/federation makes these (T31).
 */
export interface RemoteEvent extends IdentifiedPdu {
  /** Its canonical JSON, without `unsigned`. */
  readonly json: string
  /** What it cites, where `pdu` is parsed anew each time. */
  readonly authIds?: readonly EventId[]
}

export type Receipt =
  | { readonly status: 'accepted' | 'soft-failed' | 'rejected'; readonly reason?: string }
  /** The state before it is not known here, because these events are not. */
  | { readonly status: 'missing'; readonly prevEvents: readonly EventId[] }
  /** It cites these events, and they are not known here. */
  | { readonly status: 'missing-auth'; readonly authEvents: readonly EventId[]; readonly reason: string }

/** What another server tells of the place of an event in a room's history, some of whose parents are not here. */
export interface ToldState {
  /** The state before the event, or after those parents, as ids of events that are stored here. */
  readonly stateBefore: readonly EventId[]
  /** In a partial room: the part that is known already has to be in it. */
  readonly mustAgree?: boolean
}

/** What a server that told a part of a room's state told beside it. */
export interface PartialEntry {
  readonly toldBy: ServerName
  /** Those that are in the room, ourselves not among them. */
  readonly servers: readonly ServerName[]
}

/** The beginning of our part in a room that is on other servers. */
export interface RoomEntry {
  readonly roomId: RoomId
  readonly version: RoomVersion
  /** The event that a resident server has taken. */
  readonly event: RemoteEvent
  /** The state before it, as ids of outliers that are stored here. */
  readonly state: readonly EventId[]
  /** Present if members are missing in that state: `complete` has to follow. */
  readonly partial?: PartialEntry | undefined
}

/** An invite, knock or leave of a local user in a room this server is not in. */
export interface OutOfBandMembership {
  readonly roomId: RoomId
  readonly version: RoomVersion
  readonly event: RemoteEvent
  /** What clients show of the room. */
  readonly strippedState: readonly JsonObject[]
}

/** The part of `RoomWriter` that takes in what other servers say. */
export interface RemoteEventWriter {
  /**
   * Takes an event into its room: checks it against its auth events, the state before it and the current state (soft
   * failure), commits it, and moves what follows. The state before is resolved from what is stored and `told`. An event
   * that is known is answered as it was. Throws `M_NOT_FOUND` for a room that is not here.
   */
  receive(roomId: RoomId, event: RemoteEvent, told?: ToldState): Promise<Receipt>
  /**
   * Stores events known only as auth events or state, each checked against its own auth events, without a place in the
   * stream. In any order; together with what is stored they are closed under `auth_events`, and what is not is rejected.
   */
  storeOutliers(
    roomId: RoomId,
    version: RoomVersion,
    events: readonly RemoteEvent[],
  ): Promise<ReadonlyMap<EventId, 'accepted' | 'rejected'>>
  /** Enters, or enters again, a room on other servers. Throws `M_FORBIDDEN` where that state does not allow the event. */
  adopt(entry: RoomEntry): Promise<SentEvent>
  /**
   * Makes a partial room whole: `told` has the whole state before those of its joins whose parents are not here. All that
   * came since is judged again, and the current state resolved. Throws `M_FORBIDDEN` where such a state does not allow
   * its join; then nothing has changed. Does nothing for a room that is not partial. Resolves to those whose membership
   * that was about.
   */
  complete(roomId: RoomId, told: ReadonlyMap<EventId, ToldState>): Promise<ReadonlySet<UserId>>
  /** An event on the room's head that is allowed there, neither signed nor stored: what others are to sign. */
  prepare(roomId: RoomId, draft: EventDraft): Promise<Pdu>
  /** Stores history older than what is here, newest first. */
  backfill(roomId: RoomId, events: readonly RemoteEvent[], told?: ReadonlyMap<EventId, ToldState>): Promise<void>
  setOutOfBand(membership: OutOfBandMembership): Promise<SentEvent>
}
