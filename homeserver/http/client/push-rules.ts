/** https://spec.matrix.org/v1.19/client-server-api/#push-rules-api */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { OwnRules, PushRule } from '../../core/push-rules/ruleset.ts'
import { deleteRule, parseKind, putRule, requireRule, setActions, setEnabled } from '../../domain/push/rule-changes.ts'
import { endpoint } from '../endpoint.ts'

const since = ['r0', 'v3'] as const
const rulePath = '/pushrules/:scope/:kind/:ruleId'

const action = z.union([z.string(), z.record(z.string(), z.unknown())]) as unknown as z.ZodType<string | JsonObject>
const actions = z.array(action)
const condition = z.looseObject({ kind: z.string() }) as unknown as z.ZodType<JsonObject & { kind: string }>

function requireGlobal(scope: string): void {
  if (scope !== 'global') throw invalidParam('The only scope of push rules is global')
}

const getAll = endpoint({
  method: 'GET',
  path: '/pushrules/',
  since,
  also: ['/_matrix/client/v3/pushrules', '/_matrix/client/r0/pushrules'],
  auth: 'user',
  limit: 'read',
  handle: async ({ who }, { pushRules }) => ({ global: (await pushRules.rulesOf(who.userId)).ruleset }),
})

const getScope = endpoint({
  method: 'GET',
  path: '/pushrules/:scope/',
  since,
  also: ['/_matrix/client/v3/pushrules/:scope', '/_matrix/client/r0/pushrules/:scope'],
  auth: 'user',
  limit: 'read',
  handle: async ({ who, params }, { pushRules }) => {
    requireGlobal(params.scope)
    return (await pushRules.rulesOf(who.userId)).ruleset
  },
})

const getRule = endpoint({
  method: 'GET',
  path: rulePath,
  since,
  auth: 'user',
  limit: 'read',
  handle: async ({ who, params: { scope, kind, ruleId } }, { pushRules }) => {
    requireGlobal(scope)
    return requireRule((await pushRules.rulesOf(who.userId)).own, who.userId, kind, ruleId).rule
  },
})

const put = endpoint({
  method: 'PUT',
  path: rulePath,
  since,
  auth: 'user',
  limit: 'write',
  query: z.object({ before: z.string().optional(), after: z.string().optional() }),
  body: z.object({ actions, conditions: z.array(condition).optional(), pattern: z.string().optional() }),
  handle: async ({ who, params: { scope, kind: kindName, ruleId }, query, body }, { pushRules }) => {
    requireGlobal(scope)
    const kind = parseKind(kindName)
    if (kind === 'postcontent') throw invalidParam('Rules of this kind are default rules alone')
    if (kind === 'content' && body.pattern === undefined) throw invalidParam('A content rule needs a pattern')
    const rule: PushRule = {
      rule_id: ruleId,
      default: false,
      enabled: true,
      actions: body.actions,
      ...(kind === 'override' || kind === 'underride' ? { conditions: body.conditions ?? [] } : {}),
      ...(kind === 'content' && body.pattern !== undefined ? { pattern: body.pattern } : {}),
    }
    await pushRules.change(who.userId, (own) => putRule(own, kind, rule, query))
    return {}
  },
})

const remove = endpoint({
  method: 'DELETE',
  path: rulePath,
  since,
  auth: 'user',
  limit: 'write',
  handle: async ({ who, params: { scope, kind, ruleId } }, { pushRules }) => {
    requireGlobal(scope)
    await pushRules.change(who.userId, (own) => deleteRule(own, kind, ruleId))
    return {}
  },
})

/** One attribute of a rule, which default rules have as well. */
const getAttribute = (name: 'enabled' | 'actions') =>
  endpoint({
    method: 'GET',
    path: `${rulePath}/${name}`,
    since,
    auth: 'user',
    limit: 'read',
    handle: async ({ who, params: { scope, kind, ruleId } }, { pushRules }) => {
      requireGlobal(scope)
      const { own } = await pushRules.rulesOf(who.userId)
      return { [name]: requireRule(own, who.userId, kind, ruleId).rule[name] }
    },
  })

type Change<Body> = (own: OwnRules, userId: UserId, kind: string, ruleId: string, body: Body) => OwnRules

const putAttribute = <Body extends z.ZodType>(name: string, body: Body, change: Change<z.output<Body>>) =>
  endpoint({
    method: 'PUT',
    path: `${rulePath}/${name}`,
    since,
    auth: 'user',
    limit: 'write',
    body,
    handle: async ({ who, params, body: given }, { pushRules }) => {
      const { scope, kind, ruleId } = params as { scope: string; kind: string; ruleId: string } // of rulePath
      requireGlobal(scope)
      await pushRules.change(who.userId, (own) => change(own, who.userId, kind, ruleId, given))
      return {}
    },
  })

export const pushRuleEndpoints = [
  getAll,
  getScope,
  getRule,
  put,
  remove,
  getAttribute('enabled'),
  getAttribute('actions'),
  putAttribute('enabled', z.object({ enabled: z.boolean() }), (own, userId, kind, ruleId, { enabled }) =>
    setEnabled(own, userId, kind, ruleId, enabled),
  ),
  putAttribute('actions', z.object({ actions }), (own, userId, kind, ruleId, body) =>
    setActions(own, userId, kind, ruleId, body.actions),
  ),
]
