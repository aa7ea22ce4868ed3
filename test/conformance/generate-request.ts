/** Requests for an endpoint, made from its own declaration: mostly of the form it wants, with something odd here and there. */
import fc from 'fast-check'
import { z } from 'zod'
import type { Endpoint, Method } from '../../homeserver/http/endpoint.ts'
import { type User, users } from './fuzz-world.ts'
import { oddBodies, oddContentTypes, oddJson, oddTexts } from './odd-values.ts'

/** Placeholders in texts are resolved by the world they are sent to. */
export interface FuzzRequest {
  readonly method: Method
  /** Whole, escaped, with the query. */
  readonly target: string
  readonly as: User | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | undefined
}

/** What is likely to be meant by a name, in paths, queries and bodies. */
const likely: Readonly<Record<string, readonly string[]>> = {
  user: ['{{me}}', '{{alice}}', '{{bob}}', '{{mallory}}', '@nobody:hs.test', '@x:127.0.0.1:1'],
  room: [
    '{{room}}',
    '{{room}}',
    '{{room}}',
    '{{secret}}',
    '{{space}}',
    '{{old}}',
    '{{six}}',
    '{{knock}}',
    '!nowhere:hs.test',
    '!x:127.0.0.1:1',
  ],
  alias: ['{{alias}}', '#new:hs.test', '#x:127.0.0.1:1', '{{room}}'],
  event: [
    '{{event}}',
    '{{thread_event}}',
    '{{reaction}}',
    '{{state_event}}',
    '{{secret_event}}',
    '{{old_event}}',
    '$no',
  ],
  type: [
    'm.room.message', 'm.room.name', 'm.room.member', 'm.room.power_levels', 'm.room.redaction', 'm.room.encryption',
    'm.room.canonical_alias', 'm.room.join_rules', 'm.room.create', 'm.reaction', 'm.direct', 'm.push_rules', 'm.text',
    'm.fully_read', 'm.ignored_user_list', 'm.room.server_acl', 'm.room.history_visibility', 'm.login.password',
  ], // prettier-ignore
  device: ['{{my_device}}', '{{my_device}}', '{{device}}', 'NEWDEVICE'],
  token: ['{{since}}', '{{page}}', 's1_2_3', 't1-2'],
  server: ['{{server}}', '127.0.0.1:1', 'hs.test:8448'],
  relation: ['m.thread', 'm.annotation', 'm.replace', 'm.reference'],
  number: ['0', '1', '5', '100', '1700000000000'],
  filter: ['{{filter}}', '{"room":{"timeline":{"limit":2,"types":["m.*"]}}}', '{"event_fields":["content.body"]}'],
  rule: ['.m.rule.master', '.m.rule.contains_display_name', 'own', '{{room}}', '{{alice}}'],
  kind: ['override', 'underride', 'sender', 'room', 'content'],
  receipt: ['m.read', 'm.read.private', 'm.fully_read'],
  scope: ['global'],
  profile: ['displayname', 'avatar_url', 'm.tz'],
  name: ['newcomer', 'newcomer2', '{{me}}'],
  server_key: ['ed25519:test'],
  uri: ['{{mxc}}', 'mxc://hs.test/none'],
  text: ['a text', 'hello', '1', 'true'],
}

/** The first that is in the name says what it means. */
const meanings: readonly (readonly [RegExp, keyof typeof likely])[] = [
  [/roomidoralias|alias/i, 'alias'],
  [/room/i, 'room'],
  [/receipt/i, 'receipt'],
  [/rel_?type/i, 'relation'],
  [/event_?type/i, 'type'],
  [/^user_?id|^user$|statekey|state_key|invite|creator/i, 'user'],
  [/event|redacts|fully_read|m\.read/i, 'event'],
  [/device/i, 'device'],
  [/filter/i, 'filter'],
  [/scope/i, 'scope'],
  [/^key$/, 'profile'],
  [/keyId/, 'server_key'],
  [/username/, 'name'],
  [/rule/i, 'rule'],
  [/kind/i, 'kind'],
  [/^(from|to|since|at|next_batch)$/i, 'token'],
  [/server/i, 'server'],
  [/url|uri|avatar/i, 'uri'],
  [/limit|ts|width|height|timeout|index|depth/i, 'number'],
]

function likelyTexts(name: string): readonly string[] {
  if (/mediaId/.test(name)) return ['{{media}}', '{{image}}', '{{promised}}', 'none']
  if (name === 'type') return ['m.login.password', 'm.direct', 'org.test.data', 'm.room.name', 'm.tag']
  if (name === 'authType') return ['m.login.dummy', 'm.login.terms']
  if (name === 'new_version') return ['12', '11', '6']
  if (/version/.test(name)) return ['{{backup}}', '1', '6', '12']
  const meaning = meanings.find(([pattern]) => pattern.test(name))?.[1] ?? 'text'
  return likely[meaning] ?? []
}

/** JSON of a form that something known somewhere: bodies and parts of bodies that schemas leave open. */
const likelyJson: readonly string[] = [
  '{"msgtype":"m.text","body":"hello"}',
  '{"msgtype":"m.text","body":"* hello","m.new_content":{"body":"hello"},"m.relates_to":{"rel_type":"m.replace","event_id":"{{event}}"}}',
  '{"m.relates_to":{"rel_type":"m.annotation","event_id":"{{event}}","key":"x"}}',
  '{"membership":"join"}',
  '{"membership":"ban","reason":"x"}',
  '{"membership":"invite","third_party_invite":{"signed":{}}}',
  '{"users":{"{{alice}}":100,"{{bob}}":"50"},"state_default":50,"events":{"m.room.name":"x"}}',
  '{"join_rule":"restricted","allow":[{"type":"m.room_membership","room_id":"{{space}}"}]}',
  '{"alias":"{{alias}}","alt_aliases":["{{alias}}",1]}',
  '{"history_visibility":"shared"}',
  '{"deny":["*?*"],"allow":["*"],"allow_ip_literals":1}',
  '{"algorithm":"m.megolm.v1.aes-sha2"}',
  '{"topic":"t","m.topic":{"m.text":[{"body":"t"},null]}}',
  '{"redacts":"{{event}}","reason":"x"}',
  '{"via":["hs.test"],"order":"a","suggested":true}',
  '{"ignored_users":{"{{bob}}":{}}}',
  '{"{{bob}}":["{{room}}"]}',
  '{"event_id":"{{event}}"}',
  '{"order":0.5}',
  '{"user_id":"{{alice}}","device_id":"{{device}}","algorithms":["a"],"keys":{"ed25519:{{device}}":"x"},"signatures":{"{{alice}}":{"ed25519:{{device}}":"x"}}}',
  '{"{{alice}}":{"{{device}}":{"a":1}}}',
  '{"signed_curve25519:AAA":{"key":"x","signatures":{"{{alice}}":{"ed25519:{{device}}":"x"}}}}',
  '{"usage":["master"],"user_id":"{{alice}}","keys":{"ed25519:x":"x"}}',
  '{"pattern":"x","actions":["notify",{"set_tweak":"sound","value":1}],"conditions":[{"kind":"event_match","key":"a","pattern":"*"}]}',
  '{"room":{"timeline":{"limit":3,"types":["*"]},"rooms":["{{room}}"]},"event_fields":["type"]}',
  '{"reason":"x"}',
]

/** One part in this many is odd. */
const SELDOM = 9
const RARELY = 25
const NEVER = Infinity

/** The parts of JSON Schema that `z.toJSONSchema` makes. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
}

export function requestsOf(endpoint: Endpoint): fc.Arbitrary<FuzzRequest> {
  return fc
    .record({
      path: fc.constantFrom(...endpoint.paths).chain(pathOf),
      query: queryOf(endpoint),
      caller: callerOf(endpoint),
      body: bodyOf(endpoint),
      contentType: seldom(fc.constantFrom('application/json'), fc.constantFrom(...oddContentTypes), RARELY),
    })
    .map(({ path, query, caller, body, contentType }) => ({
      method: endpoint.method,
      target: query === '' ? path : `${path}?${query}`,
      as: caller.as,
      headers: { ...caller.headers, ...(body === undefined ? {} : { 'content-type': contentType }) },
      body,
    }))
}

function seldom<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>, oneIn = SELDOM): fc.Arbitrary<T> {
  if (oneIn === NEVER) return usual
  return fc.oneof({ weight: oneIn - 1, arbitrary: usual }, { weight: 1, arbitrary: odd })
}

/** Parameters filled in. What is odd is escaped rightly, or is itself a wrong escape. */
function pathOf(declared: string): fc.Arbitrary<string> {
  const parts = declared.split('/').map((part) => {
    if (!part.startsWith(':')) return fc.constant(part)
    const usual = fc.constantFrom(...likelyTexts(part.slice(1))).map((text) => `{{uri:${text}}}`)
    const odd = fc.oneof(
      fc.constantFrom(...oddTexts).map((text) => escapeText(text)),
      fc.constantFrom('%', '%zz', '%ff', '%ED%A0%80', '%C0%AF', '%252e', '%2F', '%2e%2e', '..', '%u0041', ';a=b', '+'),
    )
    return seldom(usual, odd)
  })
  return fc.tuple(...parts).map((filled) => filled.join('/'))
}

function escapeText(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function queryOf({ query: schema }: Endpoint): fc.Arbitrary<string> {
  const { properties = {}, required = [] } = schema ? schemaOf(schema) : {}
  const known = Object.entries(properties).map(([name, property]) => {
    const value = seldom(
      fc.constantFrom(...(property.enum?.map(String) ?? likelyTexts(name))),
      fc.oneof(fc.constantFrom(...oddTexts), fc.constantFrom(...likelyJson)),
    )
    const pair = value.map((text) => `${escapeText(name)}={{uri:${text.toWellFormed()}}}`)
    return required.includes(name) ? seldom(pair, fc.constant(''), RARELY) : fc.oneof(fc.constant(''), pair)
  })
  const odd = fc.constantFrom(
    '__proto__=1',
    'constructor=1',
    'limit[]=1',
    'limit=1&limit=2',
    '=',
    '%ff=1',
    'ts=x',
    '&&&',
  )
  return fc
    .tuple(...known, seldom(fc.constant(''), odd, RARELY))
    .map((pairs) => pairs.filter((pair) => pair !== '').join('&'))
}

interface Caller {
  readonly as: User | undefined
  readonly headers: Readonly<Record<string, string>>
}

const oddCallers: readonly Caller[] = [
  { as: undefined, headers: {} },
  { as: undefined, headers: { authorization: 'Bearer ' } },
  { as: undefined, headers: { authorization: 'Bearer nobody' } },
  { as: undefined, headers: { authorization: 'Basic YTpi' } },
  { as: undefined, headers: { authorization: `Bearer ${'x'.repeat(3_000)}` } },
  { as: undefined, headers: { authorization: 'X-Matrix origin="127.0.0.1:1",destination="hs.test",key="ed25519:1",sig="AA"' } },
  { as: undefined, headers: { authorization: 'X-Matrix origin=,key=,sig=' } },
] // prettier-ignore

function callerOf({ auth }: Endpoint): fc.Arbitrary<Caller> {
  const strangers = fc.constantFrom(...oddCallers)
  if (auth === 'none') return strangers
  const usual = fc.constantFrom('alice' as const, 'alice' as const, ...users).map((as): Caller => ({ as, headers: {} }))
  return seldom(usual, strangers, RARELY)
}

function bodyOf({ body: schema, method }: Endpoint): fc.Arbitrary<string | Buffer | undefined> {
  const odd = fc.oneof(fc.constantFrom(...oddBodies), fc.constantFrom(...oddJson), fc.constant(undefined))
  if (schema === 'stream') return fc.oneof(fc.constant('some bytes'), odd)
  if (!schema) return method === 'GET' ? fc.constant(undefined) : seldom(fc.constant('{}'), odd)
  const wanted = schemaOf(schema)
  return fc.oneof(
    { weight: 4, arbitrary: jsonOf(wanted, '', NEVER) },
    { weight: 4, arbitrary: jsonOf(wanted, '', SELDOM) },
    { weight: 1, arbitrary: odd },
  )
}

/** Texts of JSON. */
function jsonOf(schema: Schema, name: string, oneIn: number): fc.Arbitrary<string> {
  return seldom(rightJsonOf(schema, name, oneIn), fc.constantFrom(...oddJson), oneIn)
}

function rightJsonOf(schema: Schema, name: string, oneIn: number): fc.Arbitrary<string> {
  const fixed = fixedJson[name]
  if (fixed) return fc.constantFrom(...fixed)
  if (schema.enum) return fc.constantFrom(...schema.enum.map((value) => JSON.stringify(value)))
  if (typeof schema === 'boolean') return fc.constant('null') // a key that must not be there
  if ('const' in schema) return fc.constant(JSON.stringify(schema.const))
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return fc.oneof(...choices.map((choice) => jsonOf(choice, name, oneIn)))
  if (Array.isArray(schema.type)) {
    return fc.oneof(...(schema.type as string[]).map((type) => jsonOf({ ...schema, type }, name, oneIn)))
  }
  switch (schema.type) {
    case 'object':
      return objectOf(schema, name, oneIn)
    case 'array':
      return fc.array(jsonOf(schema.items ?? {}, name, oneIn), { maxLength: 3 }).map((items) => `[${items.join(',')}]`)
    case 'string':
      return textOf(name, oneIn)
    case 'integer':
    case 'number':
      return fc.constantFrom('0', '1', '10', '1700000000000')
    case 'boolean':
      return fc.constantFrom('true', 'false')
    case 'null':
      return fc.constant('null')
    default:
      return fc.constantFrom(...likelyJson)
  }
}

const password = `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"{{me}}"},"password":"{{password}}"}`

/** Parts of bodies that are only worth something as a whole. */
const fixedJson: Readonly<Record<string, readonly string[]>> = {
  auth: [password, '{"type":"m.login.dummy"}'],
  identifier: ['{"type":"m.id.user","user":"{{alice}}"}'],
  algorithm: ['"m.megolm_backup.v1.curve25519-aes-sha2"'],
  password: ['"password of alice"'],
  new_password: ['"{{password}}"'],
}

function textOf(name: string, oneIn: number): fc.Arbitrary<string> {
  const text = seldom(fc.constantFrom(...likelyTexts(name)), fc.constantFrom(...oddTexts), oneIn)
  return text.map((value) => JSON.stringify(value))
}

function objectOf(
  { properties = {}, required = [], additionalProperties }: Schema,
  name: string,
  oneIn: number,
): fc.Arbitrary<string> {
  const members = Object.entries(properties).map(([key, property]) => {
    const member = jsonOf(property, key, oneIn).map((value) => `${JSON.stringify(key)}:${value}`)
    const left = oneIn === NEVER ? NEVER : RARELY
    return required.includes(key) ? seldom(member, fc.constant(''), left) : fc.oneof(fc.constant(''), member)
  })
  const further = typeof additionalProperties === 'object' ? additionalProperties : {}
  const open = Object.keys(properties).length === 0
  const key = seldom(fc.constantFrom(...keysIn(name)), fc.constantFrom(...oddTexts), oneIn).map((text) =>
    JSON.stringify(text),
  )
  const more = fc
    .array(fc.tuple(key, jsonOf(further, '', oneIn)), { maxLength: open ? 3 : 1 })
    .map((entries) => entries.map(([text, value]) => `${text}:${value}`).join(','))
  return fc
    .tuple(...members, open ? more : seldom(fc.constant(''), more, oneIn))
    .map((texts) => `{${texts.filter((text) => text !== '').join(',')}}`)
}

/** Keys of maps are mostly ids of one kind or another. */
function keysIn(name: string): readonly string[] {
  if (/rooms/.test(name)) return likely['room'] ?? []
  return ['{{alice}}', '{{bob}}', '{{device}}', '*', 'ed25519:{{device}}', 'signed_curve25519:AAA', 'a']
}

function schemaOf(schema: z.ZodType): Schema {
  // Our own schemas have no references and only what is listed above.
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Schema
}
