/** What administrators of a group may do in its room. Linked people keep the power that the room itself gave them. */
import type { ChatMember } from 'node-telegram-bot-api'
import type { Matrix } from './matrix.ts'

const OWNER = 95
const MODERATOR = 50

interface PowerLevels {
  readonly events?: Readonly<Record<string, number>>
  readonly state_default?: number
  readonly users?: Readonly<Record<string, number>>
  readonly users_default?: number
}

/** Those who may throw others out there are moderators here. */
export function levelOf(member: ChatMember): number {
  if (member.status === 'creator') return OWNER
  return 'can_restrict_members' in member && member.status === 'administrator' && member.can_restrict_members === true
    ? MODERATOR
    : 0
}

/**
 * Gives ghosts their levels, as far as the bot itself may: below its own, and to nobody who is at its own or above. Where
 * it may not change levels at all, nothing happens.
 */
export async function setLevels(matrix: Matrix, roomId: string, wanted: ReadonlyMap<string, number>): Promise<void> {
  const levels = (await matrix.state(roomId, 'm.room.power_levels')) as PowerLevels | undefined
  if (!levels) return
  const { users_default: usual = 0, state_default: needed = 50 } = levels
  const [users, events] = [levels.users ?? {}, levels.events ?? {}]
  const own = users[matrix.botUserId] ?? usual
  if (own < (events['m.room.power_levels'] ?? needed)) return
  const changed = [...wanted]
    .map(([userId, level]) => [userId, Math.max(usual, Math.min(level, own - 1))] as const)
    .filter(([userId, level]) => {
      const current = users[userId] ?? usual
      return matrix.telegramIdOf(userId) !== undefined && current !== level && current < own
    })
  if (changed.length === 0) return
  await matrix.trySetState(roomId, 'm.room.power_levels', {
    ...levels,
    users: { ...users, ...Object.fromEntries(changed) },
  })
}
