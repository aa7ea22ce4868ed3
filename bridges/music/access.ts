/** Who tells the bot what to play: those who may join the call of the room themselves. */
import { listOf, objectOf } from '../appservice/json.ts'
import type { StateEvent } from '../webhooks/homeserver.ts'

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

export const isEncrypted = (state: readonly StateEvent[]): boolean =>
  state.some(({ type, state_key: key }) => type === 'm.room.encryption' && key === '')

export function mayJoinCall(userId: string, state: readonly StateEvent[]): boolean {
  const find = (type: string, key = '') => state.find((event) => event.type === type && event.state_key === key)
  if (find('m.room.member', userId)?.content['membership'] !== 'join') return false
  const creation = find('m.room.create')
  const { room_version: version = '1', additional_creators: others } = creation?.content ?? {}
  if (Number(version) >= 12 && [creation?.sender, ...listOf(others)].includes(userId)) return true
  const levels = find('m.room.power_levels')?.content
  if (!levels) return true // nobody has set any
  const own = numberOf(objectOf(levels['users'])[userId]) ?? numberOf(levels['users_default']) ?? 0
  const events = objectOf(levels['events'])
  const needed = numberOf(events['org.matrix.msc3401.call.member']) ?? numberOf(levels['state_default']) ?? 50
  return own >= needed
}
