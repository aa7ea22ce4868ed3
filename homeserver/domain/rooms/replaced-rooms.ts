/**
 * Who comes into a room that replaces another one keeps the settings of the old room.
 * https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import { isRoomId, type RoomId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Background } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
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

/** Listens to joins from here on. */
export function followReplacements(parts: ReplacedRoomsParts): void {
  const { bus, background, members } = parts
  bus.subscribe((bell) => {
    for (const row of newsOf(bell)?.memberships ?? []) {
      // A later change of name is a join as well, and finds nothing left to do.
      if (row.membership !== 'join' || !members.isLocal(row.user_id)) continue
      background.run('carry room settings over', () => carryOver(parts, row))
    }
  })
}

async function carryOver(
  { database, members, settings }: ReplacedRoomsParts,
  { room_id: to, user_id: userId }: MembershipRow,
): Promise<void> {
  const from = await predecessorOf(database, to)
  if (from === undefined || from === to || !(await members.find(from, userId))) return
  for (const each of settings) await each.carryOver(userId, from, to)
}

async function predecessorOf(database: Database, roomId: RoomId): Promise<RoomId | undefined> {
  const create = await findStateEvent(database, roomId, 'm.room.create', '')
  const predecessor = create?.pdu.content['predecessor']
  const id = isJsonObject(predecessor) ? predecessor['room_id'] : undefined
  return isRoomId(id) ? id : undefined
}
