/**
 * Who comes into a room that replaces another one keeps the settings of the old room.
 * https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import { isRoomId, type RoomId, type UserId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Background } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import { findStateEvent } from '../../storage/rooms.ts'
import type { RoomSettings } from './hooks.ts'
import type { Members } from './members.ts'
import { newsOf } from './news.ts'

export interface ReplacedRoomsParts {
  readonly database: Database
  readonly bus: Bus
  readonly background: Background
  readonly members: Members
  readonly settings: readonly RoomSettings[]
}

/** Listens to joins, and to rooms that are closed, from here on. */
export function followReplacements(parts: ReplacedRoomsParts): void {
  const { bus, background, members } = parts
  bus.subscribe((bell) => {
    const { memberships = [], changes = [] } = newsOf(bell) ?? {}
    for (const { room_id: roomId, user_id: userId, membership } of memberships) {
      // A later change of name is a join as well, and finds nothing left to do.
      if (membership !== 'join' || !members.isLocal(userId)) continue
      background.run('carry room settings over', () => carryOver(parts, roomId, [userId]))
    }
    for (const { type, stateKey, roomId } of changes) {
      if (type !== 'm.room.tombstone' || stateKey !== '') continue
      background.run('carry room settings over', () => carryOverEarly(parts, roomId))
    }
  })
}

/** For those who were in the new room before the old one named it. */
async function carryOverEarly(parts: ReplacedRoomsParts, from: RoomId): Promise<void> {
  const to = await replacementOf(parts.database, from)
  if (to === undefined) return
  const joined = [...(await parts.members.joined(to)).keys()]
  const local = joined.filter((userId) => parts.members.isLocal(userId))
  await carryOver(parts, to, local)
}

async function carryOver(
  { database, members, settings }: ReplacedRoomsParts,
  to: RoomId,
  userIds: readonly UserId[],
): Promise<void> {
  const from = await predecessorOf(database, to)
  // Any room may say that it replaces another one: that one has to say so as well (T42).
  if (from === undefined || from === to || (await replacementOf(database, from)) !== to) return
  for (const userId of userIds) {
    if (!(await members.find(from, userId))) continue
    for (const each of settings) await each.carryOver(userId, from, to)
  }
}

async function predecessorOf(database: Database, roomId: RoomId): Promise<RoomId | undefined> {
  const create = await findStateEvent(database, roomId, 'm.room.create', '')
  const predecessor = create?.pdu.content['predecessor']
  const id = isJsonObject(predecessor) ? predecessor['room_id'] : undefined
  return isRoomId(id) ? id : undefined
}

async function replacementOf(database: Database, roomId: RoomId): Promise<RoomId | undefined> {
  const tombstone = await findStateEvent(database, roomId, 'm.room.tombstone', '')
  const id = tombstone?.pdu.content['replacement_room']
  return isRoomId(id) ? id : undefined
}
