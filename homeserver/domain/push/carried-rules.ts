/** How loud a room is for somebody goes over to the room that replaces it. */
import type { RoomId, UserId } from '../../core/ids.ts'
import type { OwnRules, PushRule } from '../../core/push-rules/ruleset.ts'
import type { RoomSettings } from '../rooms/hooks.ts'
import type { PushRules } from './push-rules.ts'

export class CarriedRules implements RoomSettings {
  readonly #rules: PushRules

  constructor({ pushRules }: { readonly pushRules: PushRules }) {
    this.#rules = pushRules
  }

  async carryOver(userId: UserId, from: RoomId, to: RoomId): Promise<void> {
    const { own } = await this.#rules.rulesOf(userId)
    if (copied(own, from, to) === own) return
    await this.#rules.change(userId, (current) => copied(current, from, to))
  }
}

/** Rules of a room are named after it; clients mute a room by an override of that name. The same object if there is nothing to copy. */
function copied(own: OwnRules, from: RoomId, to: RoomId): OwnRules {
  const { room = [], override = [] } = own.rules
  const [rooms, overrides] = [withCopy(room, from, to), withCopy(override, from, to)]
  if (rooms === room && overrides === override) return own
  return { ...own, rules: { ...own.rules, room: rooms, override: overrides } }
}

function withCopy(rules: readonly PushRule[], from: RoomId, to: RoomId): readonly PushRule[] {
  const rule = rules.find(({ rule_id: id }) => id === from)
  if (!rule || rules.some(({ rule_id: id }) => id === to)) return rules
  const conditions = rule.conditions?.map((condition) =>
    condition['key'] === 'room_id' && condition['pattern'] === from ? { ...condition, pattern: to } : condition,
  )
  return [...rules, { ...rule, rule_id: to, ...(conditions ? { conditions } : {}) }]
}
