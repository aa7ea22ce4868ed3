/** With whom a user came to share rooms, or does no more. */
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { listMoves } from '../../storage/device-lists.ts'
import type { Members } from '../rooms/members.ts'
import type { RoomLists } from './room-lists.ts'
import type { RoomTails } from './room-tails.ts'
import type { Span } from './span.ts'

export interface Met {
  /** Where somebody came or went. */
  readonly rooms: readonly RoomId[]
  /** Those who are with the user in a room they were not in before. */
  readonly users: readonly UserId[]
}

export async function findMet(
  { tails, members, database }: { readonly tails: RoomTails; readonly members: Members; readonly database: Database },
  { who, since, upto }: Pick<Span, 'who' | 'since' | 'upto'>,
  { known, fresh, left }: Pick<RoomLists, 'known' | 'fresh' | 'left'>,
): Promise<Met> {
  if (!since) return { rooms: [], users: [] }
  const rooms = [...fresh, ...left.map(({ row }) => row.room_id)]
  for (const { roomId, hasEvents } of known) {
    if (!hasEvents) continue
    const changes = await tails.changes(roomId, { after: since.events, upto: upto.events })
    if (changes.some(({ type }) => type === 'm.room.member')) rooms.push(roomId)
  }
  if (rooms.length === 0) return { rooms, users: [] }
  const users = new Set<UserId>()
  for (const { userId, isJoined } of await listMoves(database, rooms, since.events, upto.events)) {
    if (isJoined) users.add(userId)
  }
  for (const roomId of fresh) for (const userId of (await members.joined(roomId)).keys()) users.add(userId)
  users.delete(who.userId)
  return { rooms, users: [...users] }
}
