/**
 * Which push rule an event meets. https://spec.matrix.org/v1.19/client-server-api/#push-rules
 *
 * Made for one event and many users: the default rules are compiled once for everybody, and narrowed once an event to
 * those that it can meet at all. What a user has changed is compiled apart and is usually little:
 *
 *     const event = new PushEvent(clientEvent, roomFacts)
 *     const rules = narrowRules(defaultRules, event)
 *     for (const user of members) evaluate(rules, event, user, ownRules.get(user.userId))
 */
import { anyUser, compileCondition, type Condition, eventMatch, withoutMentions } from './conditions.ts'
import { bodySearchingRules, defaultRuleset } from './defaults.ts'
import type { PushEvent, PushUser } from './event.ts'
import {
  masterRule,
  type Outcome,
  outcomeOf,
  type OwnRules,
  type PushRule,
  type RuleKind,
  type Ruleset,
} from './ruleset.ts'

interface CompiledRule {
  /** As users name it who change it: `kind/rule_id`. */
  readonly key: string
  readonly enabled: boolean
  readonly conditions: readonly Condition[]
  readonly outcome: Outcome
}

export interface CompiledRules {
  readonly master: readonly CompiledRule[]
  readonly override: readonly CompiledRule[]
  readonly content: readonly CompiledRule[]
  readonly postcontent: readonly CompiledRule[]
  readonly underride: readonly CompiledRule[]
}

export interface CompiledOwnRules {
  readonly override: readonly CompiledRule[]
  readonly content: readonly CompiledRule[]
  /** Outcomes by room id and by sender. */
  readonly rooms: ReadonlyMap<string, Outcome>
  readonly senders: ReadonlyMap<string, Outcome>
  readonly underride: readonly CompiledRule[]
  /** What differs in default rules, by `kind/rule_id`. */
  readonly enabled: ReadonlyMap<string, boolean>
  readonly outcomes: ReadonlyMap<string, Outcome>
}

/** Default rules made for `anyUser`. There are none of the kinds room and sender. */
export function compileDefaults(rules: Ruleset): CompiledRules {
  const override = compileKind('override', rules.override)
  const isMaster = ({ outcome }: CompiledRule): boolean => outcome.ruleId === masterRule
  return {
    master: override.filter(isMaster),
    override: override.filter((rule) => !isMaster(rule)),
    content: compileKind('content', rules.content),
    postcontent: compileKind('postcontent', rules.postcontent),
    underride: compileKind('underride', rules.underride),
  }
}

export function compileOwn({ rules, enabled = {}, actions = {} }: OwnRules): CompiledOwnRules {
  return {
    override: compileKind('override', rules.override),
    content: compileKind('content', rules.content),
    rooms: outcomesById('room', rules.room),
    senders: outcomesById('sender', rules.sender),
    underride: compileKind('underride', rules.underride),
    enabled: new Map(Object.entries(enabled)),
    outcomes: new Map(Object.entries(actions).map(([key, changed]) => [key, outcomeOf(key, changed)])),
  }
}

function compileKind(kind: RuleKind, rules: readonly PushRule[] = []): CompiledRule[] {
  return rules.flatMap((rule) => {
    const conditions = compileConditions(kind, rule)
    const key = `${kind}/${rule.rule_id}`
    return conditions ? { key, enabled: rule.enabled, conditions, outcome: outcomeOf(key, rule.actions) } : []
  })
}

/** Undefined if they never all hold. */
function compileConditions(kind: RuleKind, rule: PushRule): Condition[] | undefined {
  const conditions =
    kind === 'content'
      ? [rule.pattern === undefined ? undefined : eventMatch('content.body', rule.pattern)]
      : (rule.conditions ?? []).map(compileCondition)
  if (bodySearchingRules.has(rule.rule_id)) conditions.unshift(withoutMentions)
  return conditions.every((condition) => condition !== undefined) ? conditions : undefined
}

function outcomesById(kind: RuleKind, rules: readonly PushRule[] = []): Map<string, Outcome> {
  const enabled = rules.filter((rule) => rule.enabled)
  return new Map(enabled.map(({ rule_id: ruleId, actions }) => [ruleId, outcomeOf(`${kind}/${ruleId}`, actions)]))
}

/** The default rules of every user. */
export const defaultRules: CompiledRules = compileDefaults(defaultRuleset(anyUser))

const unchanged: CompiledOwnRules = compileOwn({ rules: {} })

/** The rules this event can meet, whoever the user is, with only those conditions left that depend on the user. */
export function narrowRules(rules: CompiledRules, event: PushEvent): CompiledRules {
  const narrow = (list: readonly CompiledRule[]): CompiledRule[] =>
    list
      .filter(({ conditions }) => conditions.every((condition) => condition.possible(event)))
      .map((rule) => ({ ...rule, conditions: rule.conditions.filter((condition) => condition.personal) }))
  return {
    master: rules.master,
    override: narrow(rules.override),
    content: narrow(rules.content),
    postcontent: narrow(rules.postcontent),
    underride: narrow(rules.underride),
  }
}

/** The outcome of the first rule that the event meets, if any. Not for the event's own sender, who is never notified. */
export function evaluate(
  rules: CompiledRules,
  event: PushEvent,
  user: PushUser,
  own: CompiledOwnRules = unchanged,
): Outcome | undefined {
  return (
    firstMet(rules.master, event, user, own) ??
    firstMet(own.override, event, user, own) ??
    firstMet(rules.override, event, user, own) ??
    firstMet(own.content, event, user, own) ??
    firstMet(rules.content, event, user, own) ??
    firstMet(rules.postcontent, event, user, own) ??
    own.rooms.get(event.roomId) ??
    own.senders.get(event.sender) ??
    firstMet(own.underride, event, user, own) ??
    firstMet(rules.underride, event, user, own)
  )
}

function firstMet(
  rules: readonly CompiledRule[],
  event: PushEvent,
  user: PushUser,
  { enabled, outcomes }: CompiledOwnRules,
): Outcome | undefined {
  for (const rule of rules) {
    if (!(enabled.get(rule.key) ?? rule.enabled)) continue
    if (rule.conditions.every((condition) => condition.holds(event, user)))
      return outcomes.get(rule.key) ?? rule.outcome
  }
  return undefined
}
