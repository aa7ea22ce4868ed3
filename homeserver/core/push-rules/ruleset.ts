/** Push rules as clients see them. https://spec.matrix.org/v1.19/client-server-api/#push-rules */
import type { Json, JsonObject } from '../event.ts'

/** In the order in which they are asked. Of `postcontent` there are default rules alone (MSC4306). */
export const ruleKinds = ['override', 'content', 'postcontent', 'room', 'sender', 'underride'] as const
export type RuleKind = (typeof ruleKinds)[number]

export type Action = string | JsonObject

/** As clients gave it: a condition of an unknown kind or form is kept, and never holds. */
export interface PushCondition extends JsonObject {
  readonly kind: string
}

export interface PushRule {
  readonly rule_id: string
  readonly default: boolean
  readonly enabled: boolean
  readonly actions: readonly Action[]
  /** Of `override`, `postcontent` and `underride` rules. */
  readonly conditions?: readonly PushCondition[]
  /** Of `content` rules. */
  readonly pattern?: string
}

/** Each kind in order of precedence. */
export type Ruleset = Readonly<Record<RuleKind, readonly PushRule[]>>

/** What one user has made of the rules. */
export interface OwnRules {
  readonly rules: Partial<Ruleset>
  /** What was changed of default rules, by `kind/rule_id`. */
  readonly enabled?: Readonly<Record<string, boolean>>
  readonly actions?: Readonly<Record<string, readonly Action[]>>
}

/** Comes before the user's own rules; every other default rule comes after those of its kind. */
export const masterRule = '.m.rule.master'

/** All rules of a user, in order. `defaults` are those made for the same user. */
export function mergeRules(defaults: Ruleset, own: OwnRules): Ruleset {
  const merge = (kind: RuleKind): readonly PushRule[] => {
    const changed = defaults[kind].map((rule) => applyChanges(kind, rule, own))
    const isMaster = ({ rule_id: ruleId }: PushRule): boolean => ruleId === masterRule
    return [...changed.filter(isMaster), ...(own.rules[kind] ?? []), ...changed.filter((rule) => !isMaster(rule))]
  }
  return {
    override: merge('override'),
    content: merge('content'),
    postcontent: merge('postcontent'),
    room: merge('room'),
    sender: merge('sender'),
    underride: merge('underride'),
  }
}

function applyChanges(kind: RuleKind, rule: PushRule, { enabled, actions }: OwnRules): PushRule {
  const key = `${kind}/${rule.rule_id}`
  return { ...rule, enabled: enabled?.[key] ?? rule.enabled, actions: actions?.[key] ?? rule.actions }
}

/** What a matching rule brings about. */
export interface Outcome {
  readonly kind: RuleKind
  readonly ruleId: string
  /** Without those of earlier versions of the specification, which mean nothing. */
  readonly actions: readonly Action[]
  readonly notify: boolean
  /** Whether a notification of it counts as a highlight. */
  readonly highlight: boolean
  /** For the push gateway. */
  readonly tweaks: Readonly<Record<string, Json>>
}

const historicalActions: readonly Action[] = ['dont_notify', 'coalesce']

/** `key` is `kind/rule_id`. */
export function outcomeOf(key: string, given: readonly Action[]): Outcome {
  const slash = key.indexOf('/')
  const kind = key.slice(0, slash) as RuleKind // by the form of the key
  const actions = given.filter((action) => !historicalActions.includes(action))
  const tweaks = Object.fromEntries(actions.flatMap(tweakOf))
  const notify = actions.includes('notify')
  return {
    kind,
    ruleId: key.slice(slash + 1),
    actions,
    notify,
    highlight: notify && tweaks['highlight'] === true,
    tweaks,
  }
}

function tweakOf(action: Action): [string, Json][] {
  if (typeof action === 'string' || typeof action['set_tweak'] !== 'string') return []
  const { set_tweak: name, value } = action
  // Only the highlight has a value of its own if none is given.
  if (value === undefined) return name === 'highlight' ? [[name, true]] : []
  return [[name, value]]
}
