/** Who is typing where, in memory alone. https://spec.matrix.org/v1.19/client-server-api/#typing-notifications */
import { forbidden } from '../../core/errors.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Cancel, Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { Lru } from '../../platform/lru.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Members } from '../rooms/members.ts'
import { newsOf } from '../rooms/news.ts'

/** What bells of the typing stream carry. */
export interface TypingNews {
  readonly roomId: RoomId
  readonly userId: UserId
  readonly typing: boolean
}

interface TypingRoom {
  /** With the end of their time. */
  readonly typers: Map<UserId, Cancel>
  /** When somebody last started or stopped. */
  position: number
}

const DEFAULT_MS = 30_000
const MAX_MS = 120_000
/** Rooms where nobody types any more, kept so that those who saw somebody type hear of it. */
const MAX_STOPPED = 10_000

export class Typing implements Service {
  readonly name = 'typing'
  readonly #clock: Clock
  readonly #streams: Streams
  readonly #members: Members
  readonly #rooms = new Map<RoomId, TypingRoom>()
  /** Where somebody was typing, with the position of the end. */
  readonly #stopped = new Lru<RoomId, number>(MAX_STOPPED)

  constructor({ clock, streams, members, bus }: { clock: Clock; streams: Streams; members: Members; bus: Bus }) {
    this.#clock = clock
    this.#streams = streams
    this.#members = members
    bus.subscribe((bell) => {
      for (const { room_id, user_id, membership } of newsOf(bell)?.memberships ?? []) {
        if (membership !== 'join') this.end(room_id, user_id)
      }
    })
  }

  /**
   * Again before the time is over makes it longer, and tells nobody anything new. Throws for users of ours outside of the
   * room; of others their server has to have been asked about.
   */
  async begin(roomId: RoomId, userId: UserId, forMs = DEFAULT_MS): Promise<void> {
    if (this.#members.isLocal(userId) && !(await this.#members.isJoined(roomId, userId))) {
      throw forbidden('You are not in this room')
    }
    const room = this.#rooms.get(roomId) ?? { typers: new Map<UserId, Cancel>(), position: 0 }
    const running = room.typers.get(userId)
    running?.()
    const over = this.#clock.after(Math.min(Math.max(forMs, 0), MAX_MS), () => this.end(roomId, userId))
    room.typers.set(userId, over)
    if (running) return
    this.#rooms.set(roomId, room)
    this.#stopped.delete(roomId)
    room.position = this.#announce({ roomId, userId, typing: true })
  }

  /** Nothing happens where the user was not typing. */
  end(roomId: RoomId, userId: UserId): void {
    const room = this.#rooms.get(roomId)
    const running = room?.typers.get(userId)
    if (!room || !running) return
    running()
    room.typers.delete(userId)
    room.position = this.#announce({ roomId, userId, typing: false })
    if (room.typers.size > 0) return
    this.#rooms.delete(roomId)
    this.#stopped.set(roomId, room.position)
  }

  isTyping(roomId: RoomId, userId: UserId): boolean {
    return this.#rooms.get(roomId)?.typers.has(userId) === true
  }

  /** Who types in the room, if that changed after `since`. With 0, for those who know nothing, only if somebody does. */
  typersSince(roomId: RoomId, since: number): readonly UserId[] | undefined {
    const room = this.#rooms.get(roomId)
    if (room) return room.position > since ? [...room.typers.keys()] : undefined
    return since > 0 && (this.#stopped.get(roomId) ?? 0) > since ? [] : undefined
  }

  /** The server stops: nothing is left to happen later. */
  async stop(): Promise<void> {
    for (const { typers } of this.#rooms.values()) for (const cancel of typers.values()) cancel()
    this.#rooms.clear()
  }

  #announce(news: TypingNews): number {
    return this.#streams.announce('typing', { rooms: [news.roomId] }, news)
  }
}
