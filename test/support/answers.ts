/**
 * Looks at what the server answers to tests: it has to have the form that the specification demands.
 *
 * answers.json holds these forms, taken from the OpenAPI documents of matrix-org/matrix-spec (Apache-2.0) by
 * test/conformance/write-answers.ts.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z, type ZodType } from 'zod'

interface Operation {
  /** As `GET /_matrix/client/v3/rooms/{roomId}/state`. */
  readonly name: string
  /** Of its path; parameters are undefined. */
  readonly segments: readonly (string | undefined)[]
  readonly schema: z.core.JSONSchema.JSONSchema
  /** Made when an answer is first looked at. */
  form?: ZodType
}

export interface Answer {
  readonly method: string
  /** Below the address of the server, with its query. */
  readonly target: string
  readonly status: number
  /** Undefined for what is not JSON. */
  readonly body: unknown
}

/** Where the names of operations that were answered are gathered, each as an empty file. See `global-setup.ts`. */
export const gatheredIn = 'TEST_ANSWERED'

let operations: ReadonlyMap<string, readonly Operation[]> | undefined
const answered = new Set<string>()

const error = z.looseObject({ errcode: z.string(), error: z.string().optional() })
/** What is asked of a user who has to prove who he is. https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api */
const interactive = z.looseObject({
  flows: z.array(z.looseObject({ stages: z.array(z.string()) })),
  session: z.string().optional(),
  params: z.record(z.string(), z.unknown()).optional(),
  completed: z.array(z.string()).optional(),
})

/** Of these queries other forms are the answer: that of a proposal, and events as a filter wants them. */
const asksForMore = /\?.*(msc\d{4}|event_fields|event_format)/
/** Where we know better, each with its reason. */
const allowed: Readonly<Record<string, RegExp>> = {
  // The specification has no word for a server without TURN. Synapse answers `{}`, which clients understand.
  'GET /_matrix/client/v3/voip/turnServer': /^(username|password|uris|ttl): .*received undefined/,
  // Complement wants both keys. Synapse answers `null` for what is not set.
  'GET /_matrix/client/v3/rooms/{roomId}/joined_members': /\.(avatar_url|display_name): .*received null$/,
  // Older clients look for the names that the proposal gave to actions (MSC4191).
  'GET /_matrix/client/v1/auth_metadata': /^account_management_actions_supported\.\d+: /,
}

/** Throws if the answer is none that the specification knows. Paths that it does not have are left alone. */
export function checkAnswer({ method, target, status, body }: Answer): void {
  if (body === undefined || asksForMore.test(target)) return
  const operation = operationOf(method, target)
  if (!operation) return
  if (status === 200) note(operation)
  const issues = formOf(operation, status)?.safeParse(body).error?.issues ?? []
  const told = issues
    .map(({ path, message }) => `${path.join('.')}: ${message}`)
    .filter((issue) => !allowed[operation.name]?.test(issue))
  if (told.length === 0) return
  throw new Error(
    `${operation.name}, ${status}: not as the specification says\n${told.join('\n')}\n${JSON.stringify(body)}`,
  )
}

/** All operations of the specification whose answers are JSON. */
export function operationNames(): readonly string[] {
  const all = [...operationsByLength().values()].flat()
  return all.filter(({ schema }) => Object.keys(schema).length > 0).map(({ name }) => name)
}

function formOf(operation: Operation, status: number): ZodType | undefined {
  if (status === 401) return z.union([interactive, error])
  if (status >= 400) return error
  return status === 200 ? (operation.form ??= z.fromJSONSchema(operation.schema)) : undefined
}

function operationOf(method: string, target: string): Operation | undefined {
  const [path = ''] = target.split('?')
  const segments = path.split('/')
  const candidates = operationsByLength().get(`${method} ${segments.length}`) ?? []
  return candidates.find((operation) =>
    operation.segments.every((name, at) => name === undefined || name === segments[at]),
  )
}

/** By method and number of segments; those with more words of their own come first. */
function operationsByLength(): ReadonlyMap<string, readonly Operation[]> {
  operations ??= Map.groupBy(readOperations(), ({ name, segments }) => `${name.split(' ')[0]} ${segments.length}`)
  return operations
}

function readOperations(): readonly Operation[] {
  const text = readFileSync(new URL('../conformance/answers.json', import.meta.url), 'utf8')
  return Object.entries(JSON.parse(text) as Record<string, Operation['schema']>)
    .map(([name, schema]) => ({ name, schema, segments: segmentsOf(name) }))
    .toSorted((a, b) => parameters(a) - parameters(b))
}

function segmentsOf(name: string): (string | undefined)[] {
  const [, path = ''] = name.split(' ')
  return path.split('/').map((segment) => (segment.startsWith('{') ? undefined : segment))
}

function parameters({ segments }: Operation): number {
  return segments.filter((segment) => segment === undefined).length
}

function note({ name }: Operation): void {
  if (answered.has(name)) return
  answered.add(name)
  const directory = process.env[gatheredIn]
  if (directory) writeFileSync(join(directory, encodeURIComponent(name)), '')
}
