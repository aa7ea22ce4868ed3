/** Who hears of whose presence, with the latest changes in memory: a change may wake a thousand long polls. */
import type { UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Database } from '../../storage/database.ts'
import { listPresenceChanges, listPresent, type PresenceRow } from '../../storage/presence.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Members } from '../rooms/members.ts'

/** What bells of the presence stream carry. */
export interface PresenceNews {
  readonly rows: readonly PresenceRow[]
}

interface LogParts {
  readonly database: Database
  readonly streams: Streams
  readonly bus: Bus
  readonly members: Members
}

const MAX_ROWS = 2_000

export class PresenceLog {
  readonly #database: Database
  readonly #members: Members
  /** In the order of their stream ids, and nothing missing after `#floor`. */
  #rows: PresenceRow[] = []
  #floor: number

  constructor({ database, streams, bus, members }: LogParts) {
    this.#database = database
    this.#members = members
    this.#floor = streams.position('presence')
    bus.subscribe((bell) => {
      if (bell.stream !== 'presence') return
      const news = bell.payload as PresenceNews | undefined // only presence.ts rings this stream
      if (news) this.#keep(news.rows)
      else this.#forget(bell.position)
    })
  }

  /** The latest change of each user in (since, upto] whom the reader sees; from 0 those who are not offline. */
  async list(reader: UserId, since: number, upto: number): Promise<readonly PresenceRow[]> {
    if (since === 0) return await this.visibleTo(reader, await listPresent(this.#database))
    const rows =
      since >= this.#floor ? this.#recent(since, upto) : await listPresenceChanges(this.#database, since, upto)
    return await this.visibleTo(reader, rows)
  }

  /** Those who share a room with the reader, and the reader. */
  async visibleTo(reader: UserId, rows: readonly PresenceRow[]): Promise<readonly PresenceRow[]> {
    if (rows.length === 0) return rows
    const own = await this.#members.roomsOf(reader)
    const visible = await Promise.all(
      rows.map(async ({ user_id: userId }) => {
        if (userId === reader) return true
        const theirs = this.#members.peekRooms(userId) ?? (await this.#members.roomsOf(userId))
        for (const [roomId, { membership }] of theirs) {
          if (membership === 'join' && own.get(roomId)?.membership === 'join') return true
        }
        return false
      }),
    )
    return rows.filter((_, index) => visible[index])
  }

  /** From newest to oldest, so that the first row of a user is the latest; then turned around. */
  #recent(since: number, upto: number): PresenceRow[] {
    const latest = new Map<UserId, PresenceRow>()
    for (let at = this.#rows.length - 1; at >= 0; at--) {
      const row = this.#rows[at]
      if (!row || row.stream_id <= since) break
      if (row.stream_id <= upto && !latest.has(row.user_id)) latest.set(row.user_id, row)
    }
    return [...latest.values()].reverse()
  }

  #keep(rows: readonly PresenceRow[]): void {
    this.#rows.push(...rows)
    if (this.#rows.length <= 2 * MAX_ROWS) return
    this.#floor = this.#rows[this.#rows.length - MAX_ROWS - 1]?.stream_id ?? this.#floor
    this.#rows = this.#rows.slice(-MAX_ROWS)
  }

  #forget(position: number): void {
    this.#rows = []
    this.#floor = position
  }
}
