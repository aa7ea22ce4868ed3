import { describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../homeserver/core/event.ts'
import type { UserId } from '../../homeserver/core/ids.ts'
import { defaultRuleset } from '../../homeserver/core/push-rules/defaults.ts'
import { compileDefaults, compileOwn, evaluate, narrowRules } from '../../homeserver/core/push-rules/evaluate.ts'
import { PushEvent } from '../../homeserver/core/push-rules/event.ts'
import { type Action, type PushRule, ruleKinds, type Ruleset } from '../../homeserver/core/push-rules/ruleset.ts'
import { readCases, readDocument } from './read.ts'

interface PushCase {
  readonly id: string
  readonly default_rules: 'v1.17' | 'legacy'
  readonly rules: Partial<Ruleset>
  readonly enabled: Readonly<Record<string, boolean>>
  readonly event: JsonObject
  readonly context: {
    readonly user_id: UserId
    readonly display_name: string | null
    readonly room_member_count: number
    readonly sender_power_level: number
    readonly notification_power_levels: JsonObject
  }
  /** What is expected. */
  readonly actions: readonly Action[]
  readonly notify: boolean
}

const defaults = readDocument<Record<'v1.17' | 'legacy', Ruleset>>('push_default_rules')

test('push rules decide as other implementations do', () => {
  for (const { id, event, context, ...given } of readCases<PushCase>('push')) {
    const rules = compileDefaults(defaults[given.default_rules])
    const own = compileOwn({ rules: given.rules, enabled: given.enabled })
    const prepared = new PushEvent(event, {
      memberCount: context.room_member_count,
      senderPowerLevel: context.sender_power_level,
      notificationLevels: context.notification_power_levels,
    })
    const user = { userId: context.user_id, displayName: context.display_name ?? undefined }
    const outcome = evaluate(rules, prepared, user, own)
    expect({ id, actions: outcome?.actions ?? [], notify: outcome?.notify ?? false }).toEqual({
      id,
      actions: given.actions,
      notify: given.notify,
    })
    expect(evaluate(narrowRules(rules, prepared), prepared, user, own)).toEqual(outcome)
  }
})

describe('our default rules', () => {
  /** Of other implementations only, and our calls, polls, threads (MSC4306) and encrypted events (MSC4028). */
  const special = ({ rule_id: ruleId }: PushRule): boolean =>
    ruleId === '.im.vector.jitsi' || /\.rule\.(rtc\.|poll_)|\.msc4(028|306)\./.test(ruleId)

  const plain = (rule: PushRule): unknown => {
    const tweaks = new Map(rule.actions.flatMap((action) => (typeof action === 'string' ? [] : [[action['set_tweak'], action['value']]])))
    if (tweaks.get('highlight') === false) tweaks.delete('highlight') // no highlight either way
    const conditions = (rule.conditions ?? []).map((condition) => JSON.stringify(condition, Object.keys(condition).toSorted()))
    return { ...rule, conditions: conditions.sort(), actions: rule.actions.includes('notify'), tweaks }
  }

  test.each(ruleKinds)('of the kind %s are those of others, in their order', (kind) => {
    const ours = defaultRuleset('@ann:a.example')[kind].filter((rule) => !special(rule))
    const theirs: Partial<Ruleset> = defaults.legacy
    expect(ours.map(plain)).toEqual((theirs[kind] ?? []).filter((rule) => !special(rule)).map(plain))
  })
})
