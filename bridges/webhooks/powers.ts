/** Who may give a room webhooks: those who may change what others may do there. */
import type { StateEvent } from './homeserver.ts'

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

export function mayRule(userId: string, state: readonly StateEvent[]): boolean {
  const find = (type: string) => state.find((event) => event.type === type && event.state_key === '')
  const creation = find('m.room.create')
  const { room_version: version = '1', additional_creators: others } = creation?.content ?? {}
  if (Number(version) >= 12 && [creation?.sender, ...listOf(others)].includes(userId)) return true
  const levels = find('m.room.power_levels')?.content ?? {}
  const needed = numberOf(objectOf(levels['events'])['m.room.power_levels']) ?? numberOf(levels['state_default']) ?? 50
  return (numberOf(objectOf(levels['users'])[userId]) ?? numberOf(levels['users_default']) ?? 0) >= needed
}
