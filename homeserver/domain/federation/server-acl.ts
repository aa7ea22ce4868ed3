/** Whom a room's current server ACL lets take part, from memory. */
import { compileAcl, type ServerAcl } from '../../core/server-acl.ts'
import type { RoomId, ServerName } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
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
  /** Undefined for rooms without an ACL. */
  readonly #known = new Lru<RoomId, Known | undefined>(MAX_WEIGHT, (known) => known?.weight ?? ROOM_WEIGHT)
  /** Counts news, so that a read that was overtaken by some is not kept. */
  #version = 0

  constructor({ database, bus }: { readonly database: Database; readonly bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => {
      if (bell.stream !== 'events') return
      const news = newsOf(bell)
      const changed = news
        ? news.changes.filter(({ type }) => type === aclType).map(({ roomId }) => roomId)
        : (bell.keys.rooms ?? [])
      if (changed.length > 0) this.#version++
      for (const roomId of changed) this.#known.delete(roomId as RoomId) // keys of this stream are ids
    })
  }

  /** Whether the server may take part in the room. One without an ACL is open to all, and so is one that is unknown here. */
  async mayTalk(roomId: RoomId, server: ServerName): Promise<boolean> {
    const known = this.#known.has(roomId) ? this.#known.get(roomId) : await this.#read(roomId)
    if (!known) return true
    const decided = known.decisions.get(server)
    if (decided !== undefined) return decided
    const allowed = known.allows(server)
    known.decisions.set(server, allowed)
    return allowed
  }

  async #read(roomId: RoomId): Promise<Known | undefined> {
    const version = this.#version
    const event = await findStateEvent(this.#database, roomId, aclType, '')
    const known = event && {
      allows: compileAcl(event.pdu.content),
      decisions: new Lru<ServerName, boolean>(MAX_DECISIONS),
      weight: ROOM_WEIGHT + 10 * event.contentText.length, // what is made of a pattern is larger than its text
    }
    if (version === this.#version) this.#known.set(roomId, known)
    return known
  }
}
