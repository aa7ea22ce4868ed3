/** Rooms as administrators look through them. */
import type { RoomId, ServerName, UserId } from '../core/ids.ts'
import { type Conn, escapeLike, type Value } from './database.ts'
import type { RoomStats } from './rooms.ts'

export interface ListedRoom extends RoomStats {
  readonly version: string
  readonly creator: UserId
  readonly created_ts: number
  readonly joined_local_members: number
  readonly state_events: number
  readonly public: number
}

export interface RoomQuery {
  readonly roomId?: RoomId | undefined
  /** A part of the name or of the canonical alias, or a room id. */
  readonly term?: string | undefined
  readonly isPublic?: boolean | undefined
  /** Whether nobody of any server is in it. */
  readonly isEmpty?: boolean | undefined
  readonly order: RoomOrder
  readonly descending: boolean
  readonly from: number
  readonly limit: number
}

/** Where nothing is known it counts as the least, on both databases. */
const orders = {
  name: `coalesce(lower(name), '')`,
  alphabetical: `coalesce(lower(name), '')`,
  size: 'joined_members',
  canonical_alias: `coalesce(canonical_alias, '')`,
  joined_members: 'joined_members',
  joined_local_members: 'joined_local_members',
  version: 'version',
  creator: 'creator',
  encryption: `coalesce(encryption, '')`,
  federatable: 'federate',
  public: 'public',
  join_rules: `coalesce(join_rule, '')`,
  guest_access: `coalesce(guest_access, '')`,
  history_visibility: `coalesce(history_visibility, '')`,
  state_events: 'state_events',
} as const

export type RoomOrder = keyof typeof orders
export const roomOrders = Object.keys(orders) as RoomOrder[] // the keys of the table above

const listed = `(
  select s.*, r.version, r.creator, r.created_ts,
         (select count(*) from memberships m
           where m.room_id = r.room_id and m.membership = 'join' and m.user_id like ? escape '\\') as joined_local_members,
         (select count(*) from room_state e where e.room_id = r.room_id) as state_events,
         case when exists (select 1 from published_rooms p where p.room_id = r.room_id) then 1 else 0 end as public
    from rooms r join room_stats s on s.room_id = r.room_id) as listed`

export async function searchRooms(
  conn: Conn,
  serverName: ServerName,
  query: RoomQuery,
): Promise<{ readonly rooms: ListedRoom[]; readonly total: number }> {
  const conditions: string[] = []
  const bindings: Value[] = [`%:${escapeLike(serverName)}`]
  const { roomId, term, isPublic, isEmpty } = query
  if (roomId !== undefined) {
    conditions.push('room_id = ?')
    bindings.push(roomId)
  }
  if (term !== undefined) {
    conditions.push(`(lower(name) like ? escape '\\' or lower(canonical_alias) like ? escape '\\' or room_id = ?)`)
    const pattern = `%${escapeLike(term.toLowerCase())}%`
    bindings.push(pattern, pattern, term)
  }
  if (isPublic !== undefined) conditions.push(`public = ${isPublic ? 1 : 0}`)
  if (isEmpty !== undefined) conditions.push(`joined_members ${isEmpty ? '=' : '>'} 0`)
  const where = conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''
  const direction = query.descending ? 'desc' : 'asc'
  const rooms = await conn.rows<ListedRoom>(
    `select * from ${listed} ${where} order by ${orders[query.order]} ${direction}, room_id ${direction} limit ? offset ?`,
    [...bindings, query.limit, query.from],
  )
  const count = await conn.row<{ total: number }>(`select count(*) as total from ${listed} ${where}`, bindings)
  return { rooms, total: count?.total ?? 0 }
}
