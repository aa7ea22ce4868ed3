/**
 * Group commit: while one transaction commits, what arrives from all rooms waits and goes into the next. Each
 * transaction has few statements, whatever the number of its events.
 */
import { isJsonObject, topLevelSpan } from '../../core/canonical-json.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Conn, Database, Tx } from '../../storage/database.ts'
import {
  eventStatus,
  type EventRow,
  insertEvents,
  insertRelations,
  redactEvent,
  type RelationRow,
  StoredEvent,
} from '../../storage/events.ts'
import { findMembershipBy, type Membership, type MembershipRow, setMemberships } from '../../storage/memberships.ts'
import {
  applyStateChanges,
  type RoomRow,
  type RoomStats,
  setRooms,
  setRoomStats,
  type StateChange,
} from '../../storage/rooms.ts'
import { insertStateGroups } from '../../storage/state-groups.ts'
import type { Streams } from '../../storage/streams.ts'
import type { BuiltEvent } from './build.ts'
import type { EventCache } from './event-cache.ts'
import type { EventNews } from './news.ts'
import { relationOf } from './relation.ts'

/** Events of one request: they are committed together or not at all. */
export interface Unit {
  readonly roomId: RoomId
  readonly events: readonly BuiltEvent[]
  /** The room after them. */
  readonly room: RoomRow
  readonly stats: RoomStats
}

/** What rooms ask push rules: whom each event notifies, in the form stored with it. Declared here, fulfilled by push. */
export interface PushEvaluation {
  evaluate(conn: Conn, events: readonly BuiltEvent[]): Promise<readonly (string | null)[]>
}

/** Rows that others keep in step with events, such as what has to be sent to other servers. */
export interface Companion {
  write(tx: Tx, events: readonly StoredEvent[]): Promise<void>
}

export interface CommitParts {
  readonly database: Database
  readonly streams: Streams
  readonly events: EventCache
  readonly push: PushEvaluation
  readonly companions?: readonly Companion[]
}

interface Waiting {
  readonly unit: Unit
  readonly resolve: (events: readonly StoredEvent[]) => void
  readonly reject: (error: unknown) => void
}

/** So that one transaction neither grows without bound nor makes others wait for long. */
const MAX_EVENTS = 500

export class Committer {
  readonly #parts: CommitParts
  readonly #failed: (rooms: ReadonlySet<RoomId>) => void
  readonly #pending = new Map<RoomId, number>()
  #queue: Waiting[] = []
  /** So many at the front of the queue failed together, and are tried one by one. */
  #suspects = 0
  #running = false
  #idleWaiters: (() => void)[] = []

  /** `failed` hears of rooms whose heads are ahead of the database for good. */
  constructor(parts: CommitParts, failed: (rooms: ReadonlySet<RoomId>) => void) {
    this.#parts = parts
    this.#failed = failed
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** Resolves when the events are on disk. Units are committed in the order of the calls. */
  commit(unit: Unit): Promise<readonly StoredEvent[]> {
    return new Promise((resolve, reject) => {
      this.#pending.set(unit.roomId, (this.#pending.get(unit.roomId) ?? 0) + 1)
      this.#queue.push({ unit, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  /** Resolves when nothing of the room waits to be committed. */
  async settled(roomId: RoomId): Promise<void> {
    while (this.#pending.has(roomId)) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#queue.length > 0) {
      let batch: Waiting[] = []
      try {
        const stored = await this.#parts.database.transaction('persist events', async (tx) => {
          if (batch.length === 0) batch = this.#take() // a second try takes the same
          return await this.#write(
            tx,
            batch.map(({ unit }) => unit),
          )
        })
        let at = 0
        for (const { unit, resolve } of batch) resolve(stored.slice(at, (at += unit.events.length)))
      } catch (error) {
        if (batch.length === 0) batch = this.#take()
        if (batch.length > 1) {
          this.#suspects = batch.length
          this.#queue.unshift(...batch.splice(0))
        } else this.#fail(batch, error)
      }
      for (const { unit } of batch) this.#done(unit.roomId)
      for (const resolve of this.#idleWaiters.splice(0)) resolve()
    }
    this.#running = false
  }

  #take(): Waiting[] {
    if (this.#suspects > 0) {
      this.#suspects--
      return this.#queue.splice(0, 1)
    }
    let events = 0
    const end = this.#queue.findIndex(({ unit }) => (events += unit.events.length) > MAX_EVENTS)
    return this.#queue.splice(0, end < 0 ? this.#queue.length : Math.max(1, end))
  }

  /** What waits was built on what failed, so it fails as well. */
  #fail(batch: Waiting[], error: unknown): void {
    const rooms = new Set(batch.map(({ unit }) => unit.roomId))
    batch.push(...this.#queue.filter(({ unit }) => rooms.has(unit.roomId)))
    this.#queue = this.#queue.filter(({ unit }) => !rooms.has(unit.roomId))
    this.#failed(rooms)
    for (const { reject } of batch) reject(error)
  }

  #done(roomId: RoomId): void {
    const left = (this.#pending.get(roomId) ?? 1) - 1
    if (left > 0) this.#pending.set(roomId, left)
    else this.#pending.delete(roomId)
  }

  async #write(tx: Tx, units: readonly Unit[]): Promise<StoredEvent[]> {
    const { streams, push, events: cache, companions = [] } = this.#parts
    const built = units.flatMap((unit) => unit.events)
    const notified = await push.evaluate(tx, built)
    const rooms = new Map(units.map((unit) => [unit.roomId, unit])) // the last of each room
    let stored: StoredEvent[] = []
    tx.onCommit(() => {
      for (const event of stored) cache.put(event)
    })
    const users = built.flatMap(({ pdu }) => (pdu.type === 'm.room.member' ? (pdu.state_key ?? []) : []))
    const news: { [Part in keyof EventNews]: EventNews[Part][number][] } = {
      events: [],
      changes: [],
      memberships: [],
      redacted: [],
    }
    const keys = { rooms: [...rooms.keys()], users }
    const first = streams.reserve(tx, 'events', built.length, keys, news satisfies EventNews)
    stored = built.map((event, index) => storedEvent(event, first + index, notified[index] ?? null))
    news.events.push(...stored)
    news.changes.push(...stored.flatMap((event) => stateChange(event) ?? []))
    const memberships = stored.flatMap((event) => membershipOf(event) ?? [])
    news.memberships.push(...new Map(memberships.map((row) => [`${row.room_id} ${row.user_id}`, row])).values())

    await insertStateGroups(
      tx,
      built.flatMap(({ newGroup }) => newGroup ?? []),
    )
    await insertEvents(
      tx,
      stored.map(({ row }) => row),
    )
    await insertRelations(
      tx,
      stored.flatMap((event) => relationRow(event) ?? []),
    )
    await applyStateChanges(tx, news.changes)
    await setMemberships(tx, news.memberships)
    await setRooms(
      tx,
      [...rooms.values()].map(({ room }) => room),
    )
    const moved = new Set(built.filter(({ newGroup, redaction }) => newGroup ?? redaction).map(({ roomId }) => roomId))
    await setRoomStats(
      tx,
      [...rooms.values()].filter(({ roomId }) => moved.has(roomId)).map(({ stats }) => stats),
    )
    for (const { roomId, redaction } of built) {
      if (!redaction) continue
      await redactEvent(tx, redaction)
      news.redacted.push(redaction.eventId)
      const membership = await findMembershipBy(tx, roomId, redaction.eventId)
      if (membership) news.memberships.push(membership) // without the name that it showed
    }
    for (const companion of companions) await companion.write(tx, stored)
    return stored
  }
}

function storedEvent(event: BuiltEvent, streamId: number, push: string | null): StoredEvent {
  const { nid, eventId, roomId, pdu, json, stateGroup, replacesNid, threadRoot, draft } = event
  const content = topLevelSpan(json, 'content') ?? { start: 0, end: 0 }
  const row: EventRow = {
    nid,
    event_id: eventId,
    room_id: roomId,
    stream_id: streamId,
    depth: pdu.depth,
    type: pdu.type,
    state_key: pdu.state_key ?? null,
    sender: pdu.sender,
    origin_server_ts: pdu.origin_server_ts,
    state_group: stateGroup,
    replaces_nid: replacesNid ?? null,
    status: eventStatus.accepted,
    redacted_by: null,
    thread_root: threadRoot ?? null,
    push,
    txn_device: draft.transaction?.device ?? null,
    txn_id: draft.transaction?.id ?? null,
    json,
    content_at: content.start,
    content_length: content.end - content.start,
  }
  return new StoredEvent(row, pdu)
}

function membershipOf({ row, pdu }: StoredEvent): MembershipRow | undefined {
  if (row.type !== 'm.room.member' || row.state_key === null || row.stream_id === null) return undefined
  const { membership, displayname, avatar_url: avatar } = pdu.content
  return {
    room_id: row.room_id,
    user_id: row.state_key as UserId, // the authorisation rules have seen that it is one
    membership: membership as Membership, // and that this is one of those there are
    sender: row.sender,
    event_nid: row.nid,
    event_id: row.event_id,
    stream_id: row.stream_id,
    display_name: typeof displayname === 'string' ? displayname.replaceAll('\0', '') : null,
    avatar_url: typeof avatar === 'string' ? avatar.replaceAll('\0', '') : null,
    forgotten: 0,
  }
}

function stateChange({ row }: StoredEvent): StateChange | undefined {
  if (row.state_key === null || row.stream_id === null) return undefined
  return {
    roomId: row.room_id,
    streamId: row.stream_id,
    type: row.type,
    stateKey: row.state_key,
    nid: row.nid,
    prevNid: row.replaces_nid ?? undefined,
  }
}

function relationRow({ row, pdu }: StoredEvent): RelationRow | undefined {
  const relation = isJsonObject(pdu.content) ? relationOf(pdu.content) : undefined
  if (!relation || row.stream_id === null) return undefined
  return {
    event_nid: row.nid,
    room_id: row.room_id,
    target_id: relation.targetId,
    rel_type: relation.relType,
    type: row.type,
    sender: row.sender,
    aggregation_key: relation.key ?? null,
    stream_id: row.stream_id,
  }
}
