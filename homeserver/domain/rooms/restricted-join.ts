/**
 * Joins by being a member of another room. https://spec.matrix.org/v1.19/client-server-api/#restricted-rooms
 *
 * The join names a member of the room who could have invited, and the server of that member signs it: so it has to be
 * one of ours.
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import { additionalCreators, namedLevel, type PowerLevels, userLevel } from '../../core/auth/power-levels.ts'
import { forbidden, refuse } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { isRoomId, isUserId, type RoomId, type UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { findStateEvent } from '../../storage/rooms.ts'
import type { Members } from './members.ts'
import { roomPower } from './room-power.ts'

export interface RestrictedJoinParts {
  readonly database: Database
  readonly members: Members
}

/**
 * Who lets this user in, who is neither invited nor a member; undefined where the join rule asks for nobody. Throws
 * `M_FORBIDDEN` for a user who is in none of the rooms, `M_UNABLE_TO_AUTHORISE_JOIN` where this server cannot know that
 * of a user of another one, `M_UNABLE_TO_GRANT_JOIN` where nobody of ours may invite.
 */
export async function findAuthoriser(
  { database, members }: RestrictedJoinParts,
  roomId: RoomId,
  userId: UserId,
): Promise<UserId | undefined> {
  const [levels, event] = await Promise.all([
    roomPower(database, roomId),
    findStateEvent(database, roomId, 'm.room.join_rules', ''),
  ])
  const rules = event?.pdu.content ?? {}
  const rule = rules['join_rule']
  const { version } = levels
  const isRestricted =
    (version.restricted && rule === 'restricted') || (version.knockRestricted && rule === 'knock_restricted')
  if (!isRestricted) return undefined

  await checkAllowed(members, allowedRooms(rules), userId)
  const joined = await members.joined(roomId)
  const authoriser = inviterAmong(
    [...joined.keys()].filter((id) => members.isLocal(id)),
    levels,
  )
  if (!authoriser) throw refuse(400, 'M_UNABLE_TO_GRANT_JOIN', 'Nobody of this server may invite into the room')
  return authoriser
}

/** Of a room that this server has left, what it knows may be long untrue. */
async function checkAllowed(members: Members, allowed: readonly RoomId[], userId: UserId): Promise<void> {
  const rooms = await members.roomsOf(userId)
  const known = members.isLocal(userId) ? allowed : await roomsWithLocals(members, allowed)
  if (known.some((id) => rooms.get(id)?.membership === 'join')) return
  if (known.length < allowed.length) {
    throw refuse(
      400,
      'M_UNABLE_TO_AUTHORISE_JOIN',
      'This server does not know who is in the rooms whose members may join',
    )
  }
  throw forbidden('You are in none of the rooms whose members may join')
}

async function roomsWithLocals(members: Members, roomIds: readonly RoomId[]): Promise<RoomId[]> {
  const present = await Promise.all(roomIds.map((id) => members.hasLocal(id)))
  return roomIds.filter((_, index) => present[index])
}

/** The rooms whose members may join, by the content of the join rules. */
export function allowedRooms({ allow }: JsonObject): RoomId[] {
  if (!Array.isArray(allow)) return []
  return allow.flatMap((entry) => {
    if (!isJsonObject(entry) || entry['type'] !== 'm.room_membership') return []
    return isRoomId(entry['room_id']) ? [entry['room_id']] : []
  })
}

/** Those who are named in the power levels first: in most rooms nobody else may invite. */
function inviterAmong(joined: readonly UserId[], levels: PowerLevels): UserId | undefined {
  const { create, content } = levels
  const users = content?.['users']
  const named = [
    ...(create ? [create.sender, ...additionalCreators(create)] : []),
    ...(isJsonObject(users) ? Object.keys(users) : []),
  ].filter(isUserId)
  const here = new Set(joined)
  const required = namedLevel(levels, 'invite')
  const mayInvite = (id: UserId): boolean => userLevel(levels, id) >= required
  return named.find((id) => here.has(id) && mayInvite(id)) ?? joined.find(mayInvite)
}
