/**
 * Rooms that were joined with a part of their state: all but most of their members. They can be used at once; what needs
 * to know all members waits. docs/federation.md, "Large rooms".
 */
import { refuse } from '../../core/errors.ts'
import type { RoomId, ServerName } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { listPartialRooms } from '../../storage/partial-rooms.ts'

interface PartialRoom {
  readonly servers: ReadonlySet<ServerName>
  readonly beganTs: number
  readonly completed: PromiseWithResolvers<void>
}

export interface PartialRoomsParts {
  readonly database: Database
  readonly clock: Clock
}

/** Clients wait for about as long as this. */
const WAIT_MS = 60_000

export class PartialRooms {
  readonly #clock: Clock
  readonly #partial = new Map<RoomId, PartialRoom>()
  /** Places in the events stream at which rooms became whole. */
  readonly #completedAt = new Map<RoomId, number>()
  #begun: ((roomId: RoomId) => void) | undefined

  private constructor(clock: Clock) {
    this.#clock = clock
  }

  static async open({ database, clock }: PartialRoomsParts): Promise<PartialRooms> {
    const rooms = new PartialRooms(clock)
    for (const { roomId, servers, beganTs, completedAt } of await listPartialRooms(database)) {
      if (completedAt === undefined) rooms.#add(roomId, servers, beganTs)
      else rooms.#completedAt.set(roomId, completedAt)
    }
    return rooms
  }

  /** Whether only a part of the room's state is here. */
  has(roomId: RoomId): boolean {
    return this.#partial.has(roomId)
  }

  /** Those that were in a partial room when it was joined, ourselves not among them. */
  serversOf(roomId: RoomId): ReadonlySet<ServerName> | undefined {
    return this.#partial.get(roomId)?.servers
  }

  /** The place in the events stream at which a room that had been partial became whole. */
  completedAt(roomId: RoomId): number | undefined {
    return this.#completedAt.get(roomId)
  }

  /** Partial rooms, and since when they are (milliseconds since the epoch). */
  list(): { readonly roomId: RoomId; readonly beganTs: number }[] {
    return [...this.#partial].map(([roomId, { beganTs }]) => ({ roomId, beganTs }))
  }

  /** Calls for each room that is partial from now on, or was joined again. There is one who listens. */
  onBegin(listener: (roomId: RoomId) => void): void {
    this.#begun = listener
  }

  /** Resolves when the room has its whole state. Throws when that takes too long. */
  async whole(roomId: RoomId): Promise<void> {
    if (await this.isWhole(roomId, WAIT_MS)) return
    throw refuse(503, 'M_UNKNOWN', 'The members of this room are still being fetched; try again later')
  }

  /** Whether the room has its whole state, at the latest after `waitMs`. */
  async isWhole(roomId: RoomId, waitMs: number): Promise<boolean> {
    const room = this.#partial.get(roomId)
    if (!room) return true
    const late = new AbortController()
    const wait = this.#clock.sleep(waitMs, late.signal).catch(() => undefined)
    await Promise.race([room.completed.promise, wait])
    late.abort()
    return !this.#partial.has(roomId)
  }

  /** From the moment on in which the first event is judged by a part of the state. */
  begin(roomId: RoomId, servers: readonly ServerName[]): void {
    const known = this.#partial.get(roomId)
    if (known) this.#partial.set(roomId, { ...known, servers: new Set(servers) })
    else this.#add(roomId, servers, this.#clock.now())
  }

  /** The join is on disk. */
  begun(roomId: RoomId): void {
    this.#begun?.(roomId)
  }

  /** The join did not get to the disk. */
  abandon(roomId: RoomId): void {
    this.#partial.get(roomId)?.completed.resolve()
    this.#partial.delete(roomId)
  }

  complete(roomId: RoomId, place: number): void {
    this.#completedAt.set(roomId, place)
    this.abandon(roomId)
  }

  #add(roomId: RoomId, servers: readonly ServerName[], beganTs: number): void {
    this.#partial.set(roomId, { servers: new Set(servers), beganTs, completed: Promise.withResolvers() })
  }
}
