/** Names of rooms, the published list, and who may find whom. */
import type { RoomAlias, RoomId, UserId } from '../core/ids.ts'
import { type Conn, escapeLike, rowsIn, type Tx } from './database.ts'
import type { RoomStats } from './rooms.ts'

export interface AliasRow {
  readonly alias: RoomAlias
  readonly room_id: RoomId
  readonly creator: UserId
}

export async function findAlias(conn: Conn, alias: RoomAlias): Promise<AliasRow | undefined> {
  return await conn.row('select alias, room_id, creator from room_aliases where alias = ?', [alias])
}

export async function listAliases(conn: Conn, roomId: RoomId): Promise<RoomAlias[]> {
  const rows = await conn.rows<AliasRow>(
    'select alias from room_aliases where room_id = ? order by created_ts, alias',
    [roomId],
  )
  return rows.map(({ alias }) => alias)
}

/** False if the alias is taken. */
export async function addAlias(tx: Tx, { alias, room_id, creator }: AliasRow, createdTs: number): Promise<boolean> {
  const added = await tx.run(
    'insert into room_aliases (alias, room_id, creator, created_ts) values (?, ?, ?, ?) on conflict (alias) do nothing',
    [alias, room_id, creator, createdTs],
  )
  return added > 0
}

export async function removeAlias(tx: Tx, alias: RoomAlias): Promise<void> {
  await tx.run('delete from room_aliases where alias = ?', [alias])
}

/** Gives aliases and the place in the list to another room. */
export async function moveRoomNames(tx: Tx, from: RoomId, to: RoomId): Promise<void> {
  await tx.run('update room_aliases set room_id = ? where room_id = ?', [to, from])
  await tx.run(
    `insert into published_rooms (room_id, published_ts)
       select ?, published_ts from published_rooms where room_id = ? on conflict (room_id) do nothing`,
    [to, from],
  )
  await tx.run('delete from published_rooms where room_id = ?', [from])
}

export async function isPublished(conn: Conn, roomId: RoomId): Promise<boolean> {
  return (await conn.row('select 1 from published_rooms where room_id = ?', [roomId])) !== undefined
}

export async function setPublished(tx: Tx, roomId: RoomId, published: boolean, now: number): Promise<void> {
  if (!published) await tx.run('delete from published_rooms where room_id = ?', [roomId])
  else {
    await tx.run('insert into published_rooms (room_id, published_ts) values (?, ?) on conflict (room_id) do nothing', [
      roomId,
      now,
    ])
  }
}

/** The rooms that an application service lists of one of its networks. */
export interface NetworkRooms {
  readonly appserviceId: string
  readonly networkId: string
}

/** Which of the lists of this server: its own unless told. */
export type RoomList = NetworkRooms | 'all' | undefined

export interface PublicRoomsQuery {
  readonly list?: RoomList
  /** Looked for in name, topic and alias. */
  readonly term?: string | undefined
  /** Null stands for rooms without a type. */
  readonly types?: readonly (string | null)[] | undefined
  /** Rooms behind this one in the list, or before it when going back. */
  readonly from?: { readonly members: number; readonly roomId: RoomId } | undefined
  readonly backwards?: boolean | undefined
  readonly limit: number
}

/** Published rooms in the order of the list, the largest first; when going back, the other way round. */
export async function listPublicRooms(conn: Conn, query: PublicRoomsQuery): Promise<RoomStats[]> {
  const source = sourceOf(query.list)
  const conditions: string[] = []
  const bindings: (string | number)[] = []
  if (query.term !== undefined) {
    const pattern = `%${escapeLike(query.term.toLowerCase())}%`
    conditions.push(
      ['name', 'topic', 'canonical_alias'].map((column) => `lower(s.${column}) like ? escape '\\'`).join(' or '),
    )
    bindings.push(pattern, pattern, pattern)
  }
  if (query.types !== undefined) {
    const named = query.types.filter((type) => type !== null)
    const parts = query.types.includes(null) ? ['s.room_type is null'] : []
    if (named.length > 0) parts.push(`s.room_type in (${named.map(() => '?').join(',')})`)
    conditions.push(parts.length > 0 ? parts.join(' or ') : '1 = 0')
    bindings.push(...named)
  }
  if (query.from) {
    const beyond = query.backwards ? '>' : '<'
    const after = query.backwards ? '<' : '>'
    conditions.push(`s.joined_members ${beyond} ? or (s.joined_members = ? and s.room_id ${after} ?)`)
    bindings.push(query.from.members, query.from.members, query.from.roomId)
  }
  const where = conditions.map((condition) => ` and (${condition})`).join('')
  const order = query.backwards ? 's.joined_members, s.room_id desc' : 's.joined_members desc, s.room_id'
  return await conn.rows(
    `select s.* from ${source.sql} p join room_stats s on s.room_id = p.room_id
      where s.joined_members > 0${where} order by ${order} limit ?`,
    [...source.bindings, ...bindings, query.limit],
  )
}

export async function countPublicRooms(conn: Conn, list?: RoomList): Promise<number> {
  const { sql, bindings } = sourceOf(list)
  const row = await conn.row<{ count: number }>(`select count(*) as count from ${sql} p`, bindings)
  return row?.count ?? 0
}

function sourceOf(list: RoomList): { sql: string; bindings: readonly string[] } {
  if (list === undefined) return { sql: 'published_rooms', bindings: [] }
  const listed = 'select room_id from appservice_rooms'
  if (list === 'all') return { sql: `(select room_id from published_rooms union ${listed})`, bindings: [] }
  const { appserviceId, networkId } = list
  return { sql: `(${listed} where appservice_id = ? and network_id = ?)`, bindings: [appserviceId, networkId] }
}

/** Puts a room into the list of a network, or takes it out. */
export async function setListed(
  tx: Tx,
  { appserviceId, networkId }: NetworkRooms,
  roomId: RoomId,
  isListed: boolean,
): Promise<void> {
  const key = [appserviceId, networkId, roomId]
  await tx.run(
    isListed
      ? 'insert into appservice_rooms (appservice_id, network_id, room_id) values (?, ?, ?) on conflict do nothing'
      : 'delete from appservice_rooms where appservice_id = ? and network_id = ? and room_id = ?',
    key,
  )
}

/** Of those rooms that we know. */
export async function listRoomStats(conn: Conn, roomIds: readonly RoomId[]): Promise<Map<RoomId, RoomStats>> {
  const rows = await rowsIn<RoomStats>(conn, 'select * from room_stats where room_id in (?)', roomIds)
  return new Map(rows.map((row) => [row.room_id, row]))
}

export interface FoundUser {
  readonly user_id: UserId
  readonly display_name: string | null
  readonly avatar_url: string | null
}

/**
 * Users of this server whose id or public name holds the term and whom the searcher may know of: they share a room, or are
 * in one that everybody may join or read, where he finds himself as well. Names people have in single rooms are not looked at.
 */
export async function searchUsers(conn: Conn, searcher: UserId, term: string, limit: number): Promise<FoundUser[]> {
  const pattern = `%${escapeLike(term.toLowerCase())}%`
  return await conn.rows(
    `select a.user_id, p.displayname as display_name, p.avatar_url
       from accounts a left join profiles p on p.user_id = a.user_id
      where a.is_deactivated = 0
        and (lower(a.user_id) like ? escape '\\' or lower(p.displayname) like ? escape '\\')
        and exists (
          select 1 from memberships m where m.user_id = a.user_id and m.membership = 'join' and (
            (a.user_id <> ? and m.room_id in (select room_id from memberships where user_id = ? and membership = 'join'))
            or m.room_id in (select room_id from room_stats where join_rule = 'public' or history_visibility = 'world_readable')
          )
        )
      order by a.user_id limit ?`,
    [pattern, pattern, searcher, searcher, limit],
  )
}

/**
 * Users of other servers in the rooms of the searcher whose id, or name in one of these, holds the term. They are called
 * what they are called in the one of these rooms where they came in or changed their name last.
 */
export async function searchRemoteUsers(
  conn: Conn,
  searcher: UserId,
  term: string,
  limit: number,
): Promise<FoundUser[]> {
  const pattern = `%${escapeLike(term.toLowerCase())}%`
  const shared = `m.membership = 'join'
    and m.room_id in (select room_id from memberships where user_id = ? and membership = 'join')`
  const found = await conn.rows<{ user_id: UserId }>(
    `select distinct m.user_id from memberships m
      where ${shared} and (lower(m.user_id) like ? escape '\\' or lower(m.display_name) like ? escape '\\')
        and not exists (select 1 from accounts a where a.user_id = m.user_id)
      order by m.user_id limit ?`,
    [searcher, pattern, pattern, limit],
  )
  const rows = await rowsIn<FoundUser>(
    conn,
    `select m.user_id, m.display_name, m.avatar_url from memberships m
      where ${shared} and m.user_id in (?) order by m.user_id, m.stream_id`,
    found.map(({ user_id: userId }) => userId),
    { before: [searcher] },
  )
  return [...new Map(rows.map((row) => [row.user_id, row])).values()]
}
