/**
 * Builds an event on the head of its room: authorised against the state, hashed, signed. Everything here is synchronous,
 * so nothing can come between looking at the head and moving it; `missingFor` tells what must be in memory first.
 */
import { randomBytes } from 'node:crypto'
import { authStateKeys } from '../../core/auth/auth-events.ts'
import { namedLevel, powerLevelsOf, userLevel } from '../../core/auth/power-levels.ts'
import { checkAuth } from '../../core/auth/rules.ts'
import type { AuthState } from '../../core/auth/verdict.ts'
import { encodeCanonical, topLevelSpan } from '../../core/canonical-json.ts'
import { forbidden } from '../../core/errors.ts'
import {
  depthAfter,
  type IdentifiedPdu,
  type JsonObject,
  type Pdu,
  type StateKey,
  stateKeyOf,
} from '../../core/event.ts'
import { referenceHash } from '../../core/hash.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import { type FinishedEvent, finishEvent } from '../../core/pdu.ts'
import { redact } from '../../core/redact.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { Signer } from '../../core/signing.ts'
import type { Redaction, StoredEvent } from '../../storage/events.ts'
import type { Extremity } from '../../storage/rooms.ts'
import type { StateGroup, StateGroups } from '../../storage/state-groups.ts'
import type { Arrival } from './arrival.ts'
import type { EventCache } from './event-cache.ts'
import type { HeadView } from './head.ts'
import { relationOf } from './relation.ts'
import { statsAfter } from './stats.ts'

/** An event to be made. */
export interface EventDraft {
  readonly type: string
  readonly sender: UserId
  readonly content: JsonObject
  /** Present for state events. */
  readonly stateKey?: string
  /** Milliseconds since the epoch; now, unless an application service says otherwise. */
  readonly timestamp?: number
  /** The event a redaction is about. */
  readonly redacts?: EventId
  /** For how many milliseconds it is told to everybody in the room. */
  readonly stickyMs?: number | undefined
  /** Who asked for it under which transaction id. */
  readonly transaction?: { readonly device: string; readonly id: string }
}

/** An event ready to be committed, with everything that follows from it. */
export interface BuiltEvent extends FinishedEvent {
  readonly nid: number
  readonly version: RoomVersion
  readonly draft: EventDraft
  /** The group of the state after the event; undefined in a room that we are not in. */
  readonly stateGroup: number | undefined
  readonly newGroup: StateGroup | undefined
  readonly replacesNid: number | undefined
  readonly threadRoot: EventId | undefined
  /** What becomes of the event it redacts. */
  readonly redaction: Redaction | undefined
  /** Present for events that were not built here. */
  readonly arrival?: Arrival
}

export interface BuildParts {
  readonly signer: Signer
  readonly events: EventCache
  readonly groups: StateGroups
  readonly nextNid: () => number
  readonly now: () => number
}

const createKey = stateKeyOf('m.room.create', '')

/** The ids of events that `build` will look at and that are not in memory. */
export function missingFor(drafts: readonly EventDraft[], view: HeadView, events: EventCache): EventId[] {
  const wanted = new Set<EventId>()
  for (const draft of drafts) {
    const keys = [createKey, ...authStateKeys(selectable(draft), view.head.version)]
    if (draft.stateKey !== undefined) keys.push(stateKeyOf(draft.type, draft.stateKey))
    for (const key of keys) {
      const entry = view.entry(key)
      if (entry) wanted.add(entry.eventId)
    }
    const target = draft.redacts ?? relationOf(draft.content)?.targetId
    if (target) wanted.add(target)
  }
  return [...wanted].filter((id) => !view.uncommitted(id) && !events.peek(id))
}

/** The event on top of `view`, neither hashed nor signed. Throws `M_FORBIDDEN` where the room does not allow it. */
export function prepare(draft: EventDraft, view: HeadView, parts: BuildParts): Pdu {
  return planned(draft, view, parts).pdu
}

function planned(draft: EventDraft, view: HeadView, parts: BuildParts): Plan {
  const { version, roomId } = view.head
  const lookUp = (key: StateKey): IdentifiedPdu | undefined => {
    const id = view.entry(key)?.eventId
    return id === undefined ? undefined : (view.uncommitted(id) ?? parts.events.peek(id))
  }
  const state: AuthState = { get: (type, stateKey) => lookUp(stateKeyOf(type, stateKey)) }
  const pdu = assemble(draft, view, lookUp, parts)
  // The id is not known before the event is signed, and it is not signed before it is allowed.
  const verdict = checkAuth({ pdu, roomId, eventId: pdu.event_id ?? '$' }, state, version)
  if (!verdict.allowed) throw forbidden(verdict.reason)
  return { pdu, state, lookUp }
}

interface Plan {
  readonly pdu: Pdu
  readonly state: AuthState
  readonly lookUp: (key: StateKey) => IdentifiedPdu | undefined
}

/** The event on top of `view`, which it moves. Throws `M_FORBIDDEN` where the room does not allow it. */
export function build(draft: EventDraft, view: HeadView, parts: BuildParts): BuiltEvent {
  const { version, roomId } = view.head
  const { pdu, state, lookUp } = planned(draft, view, parts)
  const target = redactionTarget(draft, roomId, parts.events)
  if (target) checkRedaction(draft, target, state, version)

  const finished = finishEvent(pdu, version, parts.signer)
  const nid = parts.nextNid()
  const relation = relationOf(draft.content)
  const built: BuiltEvent = {
    ...finished,
    nid,
    version,
    draft,
    threadRoot: relation && threadOf(relation, parts.events),
    redaction: target && redactionOf(target, finished.eventId, version),
    ...(draft.stateKey === undefined
      ? { stateGroup: view.stateGroup ?? nid, newGroup: undefined, replacesNid: undefined }
      : moveState(draft, draft.stateKey, nid, finished, view, lookUp, parts)),
  }
  if (target && built.redaction) forgetState(target, view, version)
  view.stateGroup = built.stateGroup
  view.extremities = [extremityOf(finished, version)]
  view.addEvent(built)
  return built
}

function selectable({
  type,
  sender,
  content,
  stateKey,
}: EventDraft): Pick<Pdu, 'type' | 'sender' | 'content' | 'state_key'> {
  return stateKey === undefined ? { type, sender, content } : { type, sender, content, state_key: stateKey }
}

function assemble(
  draft: EventDraft,
  { head, extremities }: HeadView,
  lookUp: (key: StateKey) => IdentifiedPdu | undefined,
  { signer, now }: BuildParts,
): Pdu {
  const { version, roomId } = head
  const isCreate = draft.type === 'm.room.create'
  const auth = authStateKeys(selectable(draft), version).flatMap((key) => lookUp(key) ?? [])
  const references = (events: readonly { eventId: EventId; hash?: string }[]): Pdu['prev_events'] =>
    // In versions 1 and 2 references carry the hash beside the id; both forms are what the type lists.
    (version.eventIds === 'server'
      ? events.map(({ eventId, hash = '' }) => [eventId, { sha256: hash }])
      : events.map(({ eventId }) => eventId)) as unknown as Pdu['prev_events']
  const redacts = draft.redacts !== undefined && !version.redaction.redactsInContent ? { redacts: draft.redacts } : {}
  return {
    ...selectable(draft),
    ...redacts,
    ...(draft.stickyMs ? { msc4354_sticky: { duration_ms: draft.stickyMs } } : {}),
    ...(isCreate && version.roomIdIsCreateHash ? {} : { room_id: roomId }),
    ...(version.eventIds === 'server' ? { event_id: serverEventId(signer) } : {}),
    content: contentOf(draft, version),
    depth: depthAfter(extremities.reduce((depth, extremity) => Math.max(depth, extremity.depth), 0)),
    origin_server_ts: draft.timestamp ?? now(),
    prev_events: references(extremities),
    auth_events: references(auth.map((event) => extremityOf(event, version))),
  }
}

function contentOf({ content, redacts }: EventDraft, version: RoomVersion): JsonObject {
  return redacts !== undefined && version.redaction.redactsInContent ? { ...content, redacts } : content
}

function serverEventId({ serverName }: Signer): EventId {
  return `$${randomBytes(18).toString('base64url')}:${serverName}`
}

export function extremityOf({ eventId, pdu }: IdentifiedPdu, version: RoomVersion): Extremity {
  const { depth } = pdu
  return version.eventIds === 'server' ? { eventId, depth, hash: referenceHash(pdu, version) } : { eventId, depth }
}

function moveState(
  draft: EventDraft,
  stateKey: string,
  nid: number,
  { eventId, roomId }: FinishedEvent,
  view: HeadView,
  lookUp: (key: StateKey) => IdentifiedPdu | undefined,
  { groups }: BuildParts,
): Pick<BuiltEvent, 'stateGroup' | 'newGroup' | 'replacesNid'> {
  const key = stateKeyOf(draft.type, stateKey)
  const before = view.entry(key)
  const entry = { nid, eventId }
  const newGroup = groups.deriveNow(nid, roomId, view.stateGroup, new Map([[key, entry]]))
  if (!newGroup) throw new Error('the state group of the head is not in memory')
  const { type, content } = draft
  view.stats = statsAfter(view.stats, { type, stateKey, content, before: lookUp(key)?.pdu.content })
  view.setEntry(key, entry)
  return { stateGroup: nid, newGroup, replacesNid: before?.nid }
}

/** One may redact one's own events, and with the power to redact anybody's. */
function checkRedaction(draft: EventDraft, target: StoredEvent, state: AuthState, version: RoomVersion): void {
  if (target.row.sender === draft.sender) return
  const levels = powerLevelsOf(state, version)
  if (userLevel(levels, draft.sender) < namedLevel(levels, 'redact')) {
    throw forbidden('Your power level is too low to redact events of others')
  }
}

/** Undefined if the event is not known, is of another room, or is the create event of this one. */
function redactionTarget({ redacts }: EventDraft, roomId: RoomId, events: EventCache): StoredEvent | undefined {
  const target = redacts === undefined ? undefined : events.peek(redacts)
  return target?.roomId === roomId && target.row.type !== 'm.room.create' ? target : undefined
}

/** What strangers may ask about a room says no more what its redacted state said (T39). */
function forgetState({ eventId, row, pdu }: StoredEvent, view: HeadView, version: RoomVersion): void {
  const { type, state_key: stateKey } = row
  if (stateKey === null || view.entry(stateKeyOf(type, stateKey))?.eventId !== eventId) return
  const { content } = redact(pdu, version)
  view.stats = statsAfter(view.stats, { type, stateKey, content, before: content })
}

/** Undefined if the target is redacted already. */
export function redactionOf(target: StoredEvent, redactedBy: EventId, version: RoomVersion): Redaction | undefined {
  if (target.row.redacted_by !== null) return undefined
  const json = encodeCanonical(redact(target.pdu, version), version)
  const { start, end } = topLevelSpan(json, 'content') ?? { start: 0, end: 0 }
  return { eventId: target.eventId, redactedBy, json, contentAt: start, contentLength: end - start }
}

/** Replies and edits and reactions belong to the thread of what they are about. */
export function threadOf(
  { relType, targetId }: { relType: string; targetId: EventId },
  events: EventCache,
): EventId | undefined {
  if (relType === 'm.thread') return targetId
  return events.peek(targetId)?.row.thread_root ?? undefined
}
