/** What users may do to push rules, as functions from rules to rules. https://spec.matrix.org/v1.19/client-server-api/#push-rules-api */
import { invalidParam, notFound, refuse } from '../../core/errors.ts'
import { defaultRuleset } from '../../core/push-rules/defaults.ts'
import {
  type Action,
  mergeRules,
  type OwnRules,
  type PushRule,
  type RuleKind,
  ruleKinds,
} from '../../core/push-rules/ruleset.ts'
import type { UserId } from '../../core/ids.ts'
import { maxPushRuleIdLength, maxPushRuleLength, maxPushRules } from '../limits.ts'

/** Where a new rule goes among those of its kind: right before or right after another of the user's own. */
export interface Place {
  readonly before?: string | undefined
  readonly after?: string | undefined
}

/** Adds a rule or replaces the one of this id, which keeps its place unless told. */
export function putRule(own: OwnRules, kind: RuleKind, rule: PushRule, place: Place): OwnRules {
  checkRule(rule)
  const existing = own.rules[kind] ?? []
  const at = existing.findIndex(({ rule_id: id }) => id === rule.rule_id)
  const enabled = existing[at]?.enabled ?? true
  const others = existing.filter(({ rule_id: id }) => id !== rule.rule_id)
  if (others.length >= maxPushRules) throw refuse(400, 'M_LIMIT_EXCEEDED', 'You have too many push rules')
  const rules = others.toSpliced(placeOf(others, place, at), 0, { ...rule, enabled })
  return { ...own, rules: { ...own.rules, [kind]: rules } }
}

export function deleteRule(own: OwnRules, kindName: string, ruleId: string): OwnRules {
  const kind = findKind(kindName)
  const existing = (kind && own.rules[kind]) ?? []
  const left = existing.filter(({ rule_id: id }) => id !== ruleId)
  if (!kind || left.length === existing.length) throw notFound('There is no such push rule of yours')
  return { ...own, rules: { ...own.rules, [kind]: left } }
}

export function setEnabled(
  own: OwnRules,
  userId: UserId,
  kindName: string,
  ruleId: string,
  enabled: boolean,
): OwnRules {
  const { kind } = requireRule(own, userId, kindName, ruleId)
  if (isDefault(ruleId)) return { ...own, enabled: { ...own.enabled, [`${kind}/${ruleId}`]: enabled } }
  return changeOwn(own, kind, ruleId, (rule) => ({ ...rule, enabled }))
}

export function setActions(
  own: OwnRules,
  userId: UserId,
  kindName: string,
  ruleId: string,
  actions: readonly Action[],
): OwnRules {
  const { kind } = requireRule(own, userId, kindName, ruleId)
  checkSize(actions)
  if (isDefault(ruleId)) return { ...own, actions: { ...own.actions, [`${kind}/${ruleId}`]: actions } }
  return changeOwn(own, kind, ruleId, (rule) => ({ ...rule, actions }))
}

/** The rule as the user has it now. Throws `M_NOT_FOUND`, also where there is no such kind of rules. */
export function requireRule(
  own: OwnRules,
  userId: UserId,
  kindName: string,
  ruleId: string,
): { readonly kind: RuleKind; readonly rule: PushRule } {
  const kind = findKind(kindName)
  const rule = kind && mergeRules(defaultRuleset(userId), own)[kind].find(({ rule_id: id }) => id === ruleId)
  if (!rule) throw notFound('There is no such push rule')
  return { kind, rule }
}

/** Throws `M_INVALID_PARAM`. */
export function parseKind(kindName: string): RuleKind {
  const kind = findKind(kindName)
  if (!kind) throw invalidParam(`${kindName} is no kind of push rule`)
  return kind
}

function findKind(kindName: string): RuleKind | undefined {
  return ruleKinds.find((kind) => kind === kindName)
}

function isDefault(ruleId: string): boolean {
  return ruleId.startsWith('.')
}

function changeOwn(own: OwnRules, kind: RuleKind, ruleId: string, change: (rule: PushRule) => PushRule): OwnRules {
  const rules = (own.rules[kind] ?? []).map((rule) => (rule.rule_id === ruleId ? change(rule) : rule))
  return { ...own, rules: { ...own.rules, [kind]: rules } }
}

function placeOf(others: readonly PushRule[], { before, after }: Place, at: number): number {
  const name = before ?? after
  if (name === undefined) return Math.max(at, 0)
  const found = others.findIndex(({ rule_id: id }) => id === name)
  if (found < 0) throw refuse(400, 'M_UNKNOWN', `There is no push rule ${name} of yours to be placed by`)
  return before === undefined ? found + 1 : found
}

function checkRule(rule: PushRule): void {
  if (isDefault(rule.rule_id)) throw invalidParam('Names that begin with a dot are those of default rules')
  if (/[/\\\0]/.test(rule.rule_id)) throw invalidParam('A rule id cannot hold slashes')
  if (rule.rule_id.length > maxPushRuleIdLength) throw invalidParam('The rule id is too long')
  checkSize(rule)
}

function checkSize(value: object): void {
  if (JSON.stringify(value).length > maxPushRuleLength) throw refuse(413, 'M_TOO_LARGE', 'The push rule is too large')
}
