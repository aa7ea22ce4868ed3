/**
 * What other servers have to be told. Events of ours are put down for each server in the room by the transaction that
 * writes them, so what a client was told is sent has been sent, or will be. `FederationSender` takes it from there.
 */
import { encodeCanonical } from '../../core/canonical-json.ts'
import type { EventId, RoomId, ServerName } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { eventStatus, type StoredEvent } from '../../storage/events.ts'
import { addOutgoing, lastOutgoingId, type OutgoingEdu, type OutgoingEvent } from '../../storage/outbox.ts'
import { listOwnStickyEvents } from '../../storage/sticky-events.ts'
import type { Companion } from '../rooms/commit.ts'
import type { Members } from '../rooms/members.ts'
import { OutboxRoom, removedServer } from './outbox-rooms.ts'
import type { Edu } from './receive/edu-receiver.ts'
import type { RoomServers } from './room-servers.ts'
import type { ServerFilter } from './server-filter.ts'

export interface OutboxParts {
  readonly database: Database
  readonly members: Members
  readonly roomServers: RoomServers
  readonly serverName: ServerName
  readonly mayTalkTo: ServerFilter
  readonly clock: Clock
}

/** Whoever sends. */
export interface OutboxReader {
  /** So much more is on disk for that server. */
  queued(destination: ServerName, count: number): void
  /** Something that is worth sending only while it is new. It replaces what has the same key. */
  passing(destination: ServerName, key: string, edu: string): void
  /** Resolves when nothing is on its way to these servers, or soon in any case. */
  heard(destinations: readonly ServerName[]): Promise<void>
}

export class Outbox implements Companion {
  readonly #parts: OutboxParts
  /** Events of others that we are to send on, with the server that has them already. */
  readonly #forwarded = new Map<EventId, ServerName>()
  /** Events of ours that all others have. */
  readonly #told = new Set<EventId>()
  #reader: OutboxReader | undefined
  #lastId: number

  private constructor(parts: OutboxParts, lastId: number) {
    this.#parts = parts
    this.#lastId = lastId
  }

  static async open(parts: OutboxParts): Promise<Outbox> {
    // Ids make the names of transactions, so none may come again: the clock is ahead of what was used and removed.
    return new Outbox(parts, Math.max(await lastOutgoingId(parts.database), parts.clock.now() * 1_000))
  }

  /** There is one. What is on disk by then, it reads. */
  attach(reader: OutboxReader): void {
    this.#reader = reader
  }

  /**
   * Runs `work`, which takes this event of another server into its room, and sends it to all others there: that is the
   * duty of a resident server towards those who join, leave or knock through it.
   */
  async forwarding<T>(eventId: EventId, origin: ServerName, work: () => Promise<T>): Promise<T> {
    this.#forwarded.set(eventId, origin)
    try {
      return await work()
    } finally {
      this.#forwarded.delete(eventId)
    }
  }

  /** Runs `work`, which takes in an event of ours that another server has sent to all others already. */
  async alreadyTold<T>(eventId: EventId, work: () => Promise<T>): Promise<T> {
    this.#told.add(eventId)
    try {
      return await work()
    } finally {
      this.#told.delete(eventId)
    }
  }

  /** Part of the transaction that writes the events. */
  async write(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
    const { members, roomServers } = this.#parts
    const rooms = new Map<RoomId, OutboxRoom>()
    const rows: OutgoingEvent[] = []
    for (const event of events) {
      const { roomId } = event
      let room = rooms.get(roomId)
      if (!room) rooms.set(roomId, (room = await OutboxRoom.open(roomId, { members, roomServers, tx })))
      const before = room.servers
      if (OutboxRoom.isMove(event)) await room.move(event)
      const id = ++this.#lastId
      // The latest of a room is enough for a server that was away, but what is sticky it must hear of.
      const key = event.stickyMs > 0 ? null : roomId
      for (const destination of this.#destinationsOf(event, before, room.servers)) {
        rows.push({ destination, id, eventNid: event.row.nid, key })
      }
      if (room.servers !== before) rows.push(...(await this.#stickyFor(tx, roomId, before, room.servers)))
    }
    await this.#add(tx, rows)
  }

  /** Puts an EDU down as part of the caller's transaction. With a key, the latest may be enough for a server that was long away. */
  async queueEdu(tx: Tx, destinations: Iterable<ServerName>, edu: Edu, key?: string): Promise<void> {
    const text = textOf(edu)
    const id = ++this.#lastId
    const rows: OutgoingEdu[] = []
    for (const destination of new Set(destinations)) {
      if (this.#mayTell(destination)) rows.push({ destination, id, edu: text, key: key ?? null })
    }
    await this.#add(tx, rows)
  }

  /** As `queueEdu`, in a transaction of its own. Resolves when it is on disk. */
  async sendEdu(destinations: Iterable<ServerName>, edu: Edu, { key }: { key?: string } = {}): Promise<void> {
    await this.#parts.database.transaction('queue an EDU', (tx) => this.queueEdu(tx, destinations, edu, key))
  }

  /** Tells of something that passes, such as typing: kept in memory alone, and only the latest of each key. */
  passEdu(destinations: Iterable<ServerName>, edu: Edu, key: string): void {
    const text = textOf(edu)
    const whole = `${edu.type} ${key}`
    for (const destination of destinations) {
      if (this.#mayTell(destination)) this.#reader?.passing(destination, whole, text)
    }
  }

  /** Resolves when these servers have what was put down for them, or do not take it soon. */
  async heard(destinations: readonly ServerName[]): Promise<void> {
    await this.#reader?.heard(destinations)
  }

  /** Those in the room before or after the event, and those who are removed from it. */
  #destinationsOf(
    { row, pdu }: StoredEvent,
    before: ReadonlySet<ServerName>,
    after: ReadonlySet<ServerName>,
  ): ReadonlySet<ServerName> {
    const { members, serverName } = this.#parts
    const knowing = this.#forwarded.get(row.event_id)
    const isOurs = (members.isLocal(row.sender) && !this.#told.has(row.event_id)) || knowing !== undefined
    // By a room that we come into, others have been told: an event gets there through one of them.
    if (!isOurs || !before.has(serverName) || row.status !== eventStatus.accepted || row.stream_id === null)
      return nobody
    const removed = removedServer(row, pdu.content['membership'])
    if (before.size === 1 && after.size === 1 && (removed ?? serverName) === serverName) return nobody
    const destinations = new Set<ServerName>()
    for (const servers of [before, after, removed === undefined ? nobody : [removed]]) {
      for (const server of servers) if (server !== knowing && this.#mayTell(server)) destinations.add(server)
    }
    return destinations
  }

  /** What of ours lasts in a room, for the servers that have come into it. */
  async #stickyFor(
    tx: Tx,
    roomId: RoomId,
    before: ReadonlySet<ServerName>,
    after: ReadonlySet<ServerName>,
  ): Promise<OutgoingEvent[]> {
    const { serverName, clock } = this.#parts
    const newcomers = [...after].filter((server) => !before.has(server) && this.#mayTell(server))
    if (newcomers.length === 0 || !before.has(serverName)) return []
    const nids = await listOwnStickyEvents(tx, roomId, clock.now(), MAX_STICKY)
    return nids.flatMap((eventNid) => {
      const id = ++this.#lastId
      return newcomers.map((destination) => ({ destination, id, eventNid, key: null }))
    })
  }

  #mayTell(server: ServerName): boolean {
    return server !== this.#parts.serverName && this.#parts.mayTalkTo(server)
  }

  async #add(tx: Tx, rows: readonly (OutgoingEvent | OutgoingEdu)[]): Promise<void> {
    if (rows.length === 0) return
    await addOutgoing(tx, rows)
    tx.onCommit(() => {
      for (const { destination } of rows) this.#reader?.queued(destination, 1)
    })
  }
}

/** Sticky events of a room that a server hears of when it comes in, the latest. */
const MAX_STICKY = 1_000
const nobody: ReadonlySet<ServerName> = new Set()

function textOf({ type, content }: Edu): string {
  return encodeCanonical({ content, edu_type: type })
}
