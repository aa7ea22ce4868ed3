/**
 * Who is in which room, in memory for the rooms and users at work. Filled from the table, kept by the events stream.
 */
import type { RoomId, ServerName, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { ReadCache } from '../../platform/read-cache.ts'
import type { Conn, Database } from '../../storage/database.ts'
import { listMembers, listMembershipsOf, type MembershipRow } from '../../storage/memberships.ts'
import { newsOf } from './news.ts'

/** Rows in memory, counted by room and by user apart. */
const MAX_ROWS = 200_000

type ByUser = ReadonlyMap<UserId, MembershipRow>
type ByRoom = ReadonlyMap<RoomId, MembershipRow>

export class Members {
  readonly #database: Database
  readonly #serverName: ServerName
  /** Joined members of a room. */
  readonly #joined = new ReadCache<RoomId, Map<UserId, MembershipRow>>(MAX_ROWS, (rows) => rows.size + 1)
  /** Everything a user has to do with. */
  readonly #rooms = new ReadCache<UserId, Map<RoomId, MembershipRow>>(MAX_ROWS, (rows) => rows.size + 1)

  constructor({ database, bus, serverName }: { database: Database; bus: Bus; serverName: ServerName }) {
    this.#database = database
    this.#serverName = serverName
    bus.subscribe((bell) => this.#heard(bell))
  }

  isLocal(userId: string): boolean {
    return userId.endsWith(`:${this.#serverName}`)
  }

  /** The joined members of a room, those of other servers included. Within a transaction `conn` is that. */
  async joined(roomId: RoomId, conn: Conn = this.#database): Promise<ByUser> {
    const known = this.#joined.get(roomId)
    if (known) return known // as nearly always: without a closure
    return await this.#joined.of(
      roomId,
      async () => new Map((await listMembers(conn, roomId, 'join')).map((row) => [row.user_id, row])),
    )
  }

  /** Whether anybody of this server is joined: only then is what we know of the room true. */
  async hasLocal(roomId: RoomId, conn?: Conn): Promise<boolean> {
    const joined = await this.joined(roomId, conn)
    return joined.keys().some((userId) => this.isLocal(userId))
  }

  /** Whether somebody of another server is joined. */
  async hasRemote(roomId: RoomId): Promise<boolean> {
    const joined = await this.joined(roomId)
    return !joined.keys().every((userId) => this.isLocal(userId))
  }

  /** As `joined`, if it is in memory. */
  peekJoined(roomId: RoomId): ByUser | undefined {
    return this.#joined.get(roomId)
  }

  /** Every room the user is or was in, is invited to or banned from; forgotten ones too. */
  async roomsOf(userId: UserId): Promise<ByRoom> {
    const known = this.#rooms.get(userId)
    if (known) return known
    return await this.#rooms.of(
      userId,
      async () => new Map((await listMembershipsOf(this.#database, userId)).map((row) => [row.room_id, row])),
    )
  }

  /** As `roomsOf`, if it is in memory. */
  peekRooms(userId: UserId): ByRoom | undefined {
    return this.#rooms.get(userId)
  }

  async find(roomId: RoomId, userId: UserId): Promise<MembershipRow | undefined> {
    return (await this.roomsOf(userId)).get(roomId)
  }

  async isJoined(roomId: RoomId, userId: UserId): Promise<boolean> {
    return (await this.find(roomId, userId))?.membership === 'join'
  }

  /** The rooms the user is joined to. */
  async joinedRooms(userId: UserId): Promise<RoomId[]> {
    const rooms = await this.roomsOf(userId)
    return [...rooms.values()].filter((row) => row.membership === 'join').map((row) => row.room_id)
  }

  /** Takes up what another way than an event changed, such as forgetting a room. */
  drop(userId: UserId): void {
    this.#rooms.drop([userId])
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const news = newsOf(bell)
    if (news && news.memberships.length === 0) return
    this.#joined.overtake()
    this.#rooms.overtake()
    if (!news) {
      this.#joined.drop((bell.keys.rooms ?? []) as RoomId[]) // keys of this stream are ids
      this.#rooms.drop((bell.keys.users ?? []) as UserId[])
      return
    }
    for (const row of news.memberships) {
      this.#rooms.get(row.user_id)?.set(row.room_id, row)
      const joined = this.#joined.get(row.room_id)
      if (row.membership === 'join') joined?.set(row.user_id, row)
      else joined?.delete(row.user_id)
    }
  }
}
