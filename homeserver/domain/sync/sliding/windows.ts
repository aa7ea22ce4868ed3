/** Which rooms the lists of a client show. */
import type { JsonObject } from '../../../core/event.ts'
import { isRoomId, type RoomId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import { listStateOf } from '../../../storage/sliding-rooms.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { ListedRoom } from './listing.ts'
import type { AskedList, ListFilters, Range } from './request.ts'
import type { RoomMarks } from './room-marks.ts'

export interface Window {
  /** Rooms that pass the filters. */
  readonly count: number
  readonly rooms: readonly ListedRoom[]
}

export class Windows {
  readonly #database: Database
  readonly #events: EventCache

  constructor({ database, events }: { database: Database; events: EventCache }) {
    this.#database = database
    this.#events = events
  }

  async window(sorted: readonly ListedRoom[], list: AskedList, marks: RoomMarks): Promise<Window> {
    const passes = list.filters ? await this.#filter(sorted, list.filters, marks) : undefined
    const rooms = passes ? sorted.filter(passes) : sorted
    const ranges = list.slow_get_all_rooms ? undefined : list.ranges
    return { count: rooms.length, rooms: ranges ? inRanges(rooms, ranges) : rooms }
  }

  /** Rooms to which the user is invited for a direct chat, as the invites say. */
  async directInvites(rows: readonly MembershipRow[]): Promise<ReadonlySet<RoomId>> {
    const invites = rows.filter(({ membership }) => membership === 'invite').map(({ event_id }) => event_id)
    if (invites.length === 0) return new Set()
    const events = [...(await this.#events.list(invites)).values()]
    return new Set(events.filter(({ pdu }) => pdu.content['is_direct'] === true).map(({ roomId }) => roomId))
  }

  async #filter(
    rooms: readonly ListedRoom[],
    filters: ListFilters,
    { direct, tags }: RoomMarks,
  ): Promise<(room: ListedRoom) => boolean> {
    const { is_dm: isDm, is_invite: isInvite, is_encrypted: isEncrypted, tags: some, not_tags: none } = filters
    const { room_types: types, not_room_types: notTypes, room_name_like: like } = filters
    const [invites, children] = await Promise.all([
      isDm === undefined ? undefined : this.directInvites(rooms.map(({ row }) => row)),
      filters.spaces ? this.#childrenOf(filters.spaces, rooms) : undefined,
    ])
    const name = like?.toLowerCase()
    const isTagged = (roomId: RoomId, wanted: readonly string[]): boolean =>
      wanted.some((tag) => tags.get(roomId)?.has(tag) === true)
    return ({ row: { room_id: roomId, membership }, traits }) => {
      if (isInvite !== undefined && isInvite !== (membership === 'invite')) return false
      if (isDm !== undefined && isDm !== (direct.has(roomId) || invites?.has(roomId) === true)) return false
      if (children && !children.has(roomId)) return false
      if (some && !isTagged(roomId, some)) return false
      if (none && isTagged(roomId, none)) return false
      // Of a room on other servers it is not known, so neither it nor its contrary is.
      if (isEncrypted !== undefined && isEncrypted !== traits?.isEncrypted) return false
      if ((types || notTypes) && !traits) return false
      if (types && !types.includes(traits?.roomType ?? null)) return false
      if (notTypes?.includes(traits?.roomType ?? null)) return false
      return name === undefined || traits?.name?.toLowerCase().includes(name) === true
    }
  }

  /** The rooms that these spaces name, of those the user is joined to. */
  async #childrenOf(spaces: readonly string[], rooms: readonly ListedRoom[]): Promise<ReadonlySet<string>> {
    const joined = new Set(rooms.filter(({ row }) => row.membership === 'join').map(({ row }) => row.room_id))
    const known = spaces.filter(isRoomId).filter((roomId) => joined.has(roomId))
    const children = await listStateOf(this.#database, known, ['m.space.child'])
    return new Set(children.filter(({ pdu }) => isChild(pdu.content)).map(({ row }) => row.state_key ?? ''))
  }
}

/** Without servers to ask it is taken out of the space. https://spec.matrix.org/v1.19/client-server-api/#mspacechild-relationship */
function isChild(content: JsonObject): boolean {
  return Array.isArray(content['via'])
}

function inRanges(rooms: readonly ListedRoom[], ranges: readonly Range[]): readonly ListedRoom[] {
  const [first] = ranges
  if (first && ranges.length === 1) return rooms.slice(first[0], first[1] + 1)
  return rooms.filter((_, index) => ranges.some(([from, to]) => from <= index && index <= to))
}
