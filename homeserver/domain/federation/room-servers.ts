/** Which servers take part in a room: those of its joined members, ours included. From memory for the rooms at work. */
import { type RoomId, serverNameOf, type ServerName } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { ReadCache } from '../../platform/read-cache.ts'
import type { Conn } from '../../storage/database.ts'
import type { Members } from '../rooms/members.ts'
import { newsOf } from '../rooms/news.ts'
import type { PartialRooms } from '../rooms/partial-rooms.ts'

/** Names in memory. */
const MAX_NAMES = 200_000

export class RoomServers {
  readonly #members: Members
  readonly #partialRooms: Pick<PartialRooms, 'serversOf'>
  readonly #servers = new ReadCache<RoomId, ReadonlySet<ServerName>>(MAX_NAMES, (servers) => servers.size + 1)

  constructor({
    members,
    bus,
    partialRooms,
  }: {
    members: Members
    bus: Bus
    partialRooms: Pick<PartialRooms, 'serversOf'>
  }) {
    this.#members = members
    this.#partialRooms = partialRooms
    bus.subscribe((bell) => this.#heard(bell))
  }

  /**
   * Empty where nobody we know of is joined. Within a transaction `conn` is that. In a partial room also those that were
   * there when it was joined: who has left since is not known.
   */
  async serversIn(roomId: RoomId, conn?: Conn): Promise<ReadonlySet<ServerName>> {
    const told = this.#partialRooms.serversOf(roomId)
    const known = await this.#ofMembers(roomId, conn)
    return told ? known.union(told) : known
  }

  async #ofMembers(roomId: RoomId, conn?: Conn): Promise<ReadonlySet<ServerName>> {
    return await this.#servers.of(roomId, async () => {
      const joined = await this.#members.joined(roomId, conn)
      const servers = new Set<ServerName>()
      for (const userId of joined.keys()) servers.add(serverNameOf(userId))
      return servers
    })
  }

  /** Whether somebody of that server is joined. */
  async isIn(roomId: RoomId, server: ServerName): Promise<boolean> {
    return (await this.serversIn(roomId)).has(server)
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const news = newsOf(bell)
    if (news && news.memberships.length === 0) return
    this.#servers.overtake()
    if (!news) this.#servers.drop((bell.keys.rooms ?? []) as RoomId[]) // keys of this stream are ids
    for (const { room_id: roomId, user_id: userId, membership } of news?.memberships ?? []) {
      const known = this.#servers.get(roomId)
      const server = serverNameOf(userId)
      // Who goes may be the last of that server: that is counted when somebody asks next.
      if (membership !== 'join') this.#servers.drop([roomId])
      else if (known && !known.has(server)) this.#servers.set(roomId, new Set(known).add(server))
    }
  }
}
