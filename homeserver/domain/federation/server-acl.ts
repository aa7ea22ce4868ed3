/** Whom a room's current server ACL lets take part, from memory. */
import { compileAcl, type ServerAcl } from '../../core/server-acl.ts'
import type { RoomId, ServerName } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import { ReadCache } from '../../platform/read-cache.ts'
import type { Database } from '../../storage/database.ts'
import { findStateEvent } from '../../storage/rooms.ts'
import { newsOf } from '../rooms/news.ts'

const aclType = 'm.room.server_acl'
/** Characters of ACLs, and some for each room. */
const MAX_WEIGHT = 8 * 1024 * 1024
const ROOM_WEIGHT = 200
/** Servers of a room whose answer is remembered: an ACL of thousands of patterns takes its time (T19). */
const MAX_DECISIONS = 1_000

interface Known {
  readonly allows: ServerAcl
  readonly decisions: Lru<ServerName, boolean>
  readonly weight: number
}

export class ServerAcls {
  readonly #database: Database
  /** Rooms without an ACL are open. */
  readonly #known = new ReadCache<RoomId, Known | 'open'>(MAX_WEIGHT, (known) =>
    known === 'open' ? ROOM_WEIGHT : known.weight,
  )

  constructor({ database, bus }: { readonly database: Database; readonly bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => {
      if (bell.stream !== 'events') return
      const news = newsOf(bell)
      const changed = news
        ? news.changes.filter(({ type }) => type === aclType).map(({ roomId }) => roomId)
        : (bell.keys.rooms ?? [])
      this.#known.drop(changed as RoomId[]) // keys of this stream are ids
    })
  }

  /** Whether the server may take part in the room. One without an ACL is open to all, and so is one that is unknown here. */
  async mayTalk(roomId: RoomId, server: ServerName): Promise<boolean> {
    const known = await this.#known.of(roomId, () => this.#read(roomId))
    if (known === 'open') return true
    const decided = known.decisions.get(server)
    if (decided !== undefined) return decided
    const allowed = known.allows(server)
    known.decisions.set(server, allowed)
    return allowed
  }

  async #read(roomId: RoomId): Promise<Known | 'open'> {
    const event = await findStateEvent(this.#database, roomId, aclType, '')
    if (!event) return 'open'
    return {
      allows: compileAcl(event.pdu.content),
      decisions: new Lru<ServerName, boolean>(MAX_DECISIONS),
      weight: ROOM_WEIGHT + 10 * event.contentText.length, // what is made of a pattern is larger than its text
    }
  }
}
