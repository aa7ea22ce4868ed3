/** What people of a room are called in Telegram: as the room calls them, so that no two are called the same. */
import { Lru } from '../../../homeserver/platform/lru.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { objectOf, stringOf } from '../../appservice/json.ts'
import type { Matrix } from '../matrix.ts'
import { relayName } from '../relay.ts'

const MAX_ROOMS = 100

/** The people of a room by their ids, and how many have a name. */
interface Room {
  readonly names: Map<string, string>
  readonly counts: Map<string, number>
}

export class Names {
  readonly #matrix: Matrix
  readonly #rooms = new Lru<string, Room>(MAX_ROOMS)

  constructor({ matrix }: { matrix: Matrix }) {
    this.#matrix = matrix
  }

  /** People of other servers have that of theirs beside their name, and people of ours who share a name their own part of the id. */
  async of({ room_id: roomId, sender }: Pick<MatrixEvent, 'room_id' | 'sender'>): Promise<string> {
    const room = this.#rooms.get(roomId) ?? (await this.#load(roomId))
    const [, own = sender, server = ''] = /^@([^:]*):(.*)$/s.exec(sender) ?? []
    const name = room.names.get(sender) ?? (await this.#nameBefore(roomId, sender)) ?? own
    if (!this.#matrix.isLocal(sender)) return `${name} @${server}`
    return (room.counts.get(keyOf(name)) ?? 0) > 1 ? `${name} @${own}` : name
  }

  /** Of somebody who has left since. */
  async #nameBefore(roomId: string, userId: string): Promise<string | undefined> {
    const shown = stringOf((await this.#matrix.state(roomId, 'm.room.member', userId))?.['displayname'])
    return shown?.trim() === '' ? undefined : shown
  }

  /** Somebody came, went, or is called something else. */
  changed({ room_id: roomId, state_key: userId = '', content }: MatrixEvent): void {
    const room = this.#rooms.get(roomId)
    if (!room) return
    remove(room, userId)
    if (content['membership'] === 'join') this.#add(room, userId, content['displayname'])
  }

  async #load(roomId: string): Promise<Room> {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/joined_members`
    const { joined } = await this.#matrix.request(this.#matrix.botUserId, 'GET', path)
    const room: Room = { names: new Map(), counts: new Map() }
    for (const [userId, member] of Object.entries(objectOf(joined))) {
      this.#add(room, userId, objectOf(member)['display_name'])
    }
    this.#rooms.set(roomId, room)
    return room
  }

  #add({ names, counts }: Room, userId: string, shown: unknown): void {
    if (this.#matrix.isOurs(userId)) return // those of Telegram speak for themselves there
    const given = stringOf(shown)?.trim() ?? ''
    const name = given === '' ? userId.slice(1).replace(/:.*/s, '') : given
    names.set(userId, name)
    counts.set(keyOf(name), (counts.get(keyOf(name)) ?? 0) + 1)
  }
}

function remove({ names, counts }: Room, userId: string): void {
  const name = names.get(userId)
  if (name === undefined) return
  names.delete(userId)
  counts.set(keyOf(name), (counts.get(keyOf(name)) ?? 1) - 1)
}

/** The same for names that look the same. */
const keyOf = (name: string): string => relayName(name).normalize('NFKC').toLowerCase()
