/** The heads of active rooms, in memory. */
import { notFound } from '../../core/errors.ts'
import type { RoomId } from '../../core/ids.ts'
import { findRoomVersion } from '../../core/room-version.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { currentState, findRoom, findRoomStats } from '../../storage/rooms.ts'
import type { Committer } from './commit.ts'
import { emptyStats, RoomHead } from './head.ts'

/** Bytes. */
const MAX_HEADS = 64 * 1024 * 1024

export class Heads {
  readonly #database: Database
  readonly #committer: Pick<Committer, 'settled'>
  readonly #heads = new Lru<RoomId, RoomHead>(MAX_HEADS, (head) => Math.min(head.weight, MAX_HEADS / 2))
  readonly #loading = new Map<RoomId, Promise<RoomHead | undefined>>()

  constructor({ database, committer }: { database: Database; committer: Pick<Committer, 'settled'> }) {
    this.#database = database
    this.#committer = committer
  }

  /** The head if it is in memory. */
  peek(roomId: RoomId): RoomHead | undefined {
    return this.#heads.get(roomId)
  }

  set(head: RoomHead): void {
    this.#heads.set(head.roomId, head)
  }

  /** Heads that are ahead of the database for good are read again. */
  delete(roomId: RoomId): void {
    this.#heads.delete(roomId)
  }

  /** Throws `M_NOT_FOUND` for a room that is not here. */
  async load(roomId: RoomId): Promise<RoomHead> {
    const head = await this.find(roomId)
    if (!head) throw notFound('There is no such room here')
    return head
  }

  async find(roomId: RoomId): Promise<RoomHead | undefined> {
    const running = this.#heads.get(roomId) ?? this.#loading.get(roomId)
    if (running) return await running
    const loading = this.#read(roomId)
    this.#loading.set(roomId, loading)
    try {
      const head = await loading
      if (head) this.#heads.set(roomId, head)
      return head
    } finally {
      this.#loading.delete(roomId)
    }
  }

  async #read(roomId: RoomId): Promise<RoomHead | undefined> {
    await this.#committer.settled(roomId) // else the database would be behind a head that has just left memory
    const [room, state, stats] = await Promise.all([
      findRoom(this.#database, roomId),
      currentState(this.#database, roomId),
      findRoomStats(this.#database, roomId),
    ])
    const version = room && findRoomVersion(room.version)
    return version && new RoomHead(room, version, state, stats ?? emptyStats(roomId))
  }
}
