/**
 * Writes answers.json: what the specification says the answers of the client-server API look like, of its OpenAPI documents
 * the structure alone. Asks for a git directory of matrix-org/matrix-spec and a version of it:
 *
 *     node test/conformance/write-answers.ts ../matrix-spec/.git v1.19
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { parse } from 'yaml'
import { isJsonObject } from '../../homeserver/core/canonical-json.ts'

type Json = Record<string, any> // eslint-disable-line -- documents of others

const [gitDir = '', version = ''] = process.argv.slice(2)
const folder = 'data/api/client-server'
const read = (path: string): string => git('show', `${version}:${path}`)
const documents = new Map<string, Json>()

/** What tells the form of an answer. */
const kept = new Set(
  (
    'type properties patternProperties additionalProperties minProperties maxProperties required ' +
    'items oneOf anyOf enum pattern'
  ).split(' '),
)

function git(...args: string[]): string {
  return execFileSync('git', ['--git-dir', gitDir, ...args], { encoding: 'utf8', maxBuffer: 100_000_000 })
}

function open(path: string): Json {
  const known = documents.get(path)
  if (known) return known
  const document = parse(read(path)) as Json
  documents.set(path, document)
  return document
}

/** The schema without words, with what it refers to in place and what belongs together in one. */
function bare(schema: Json, path: string): Json {
  const { $ref: reference } = schema
  if (typeof reference === 'string') {
    const [file = '', pointer = ''] = reference.split('#')
    const target = file === '' ? path : posix.join(posix.dirname(path), file)
    let found = open(target)
    for (const name of pointer.split('/').filter(Boolean)) found = found[name] as Json
    return bare(found, target)
  }
  const own: Json = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'allOf' || !kept.has(key)) continue
    // What is meant to exclude each other does not always.
    const name = key === 'oneOf' ? 'anyOf' : key
    if (key === 'properties' || key === 'patternProperties')
      own[name] = mapValues(value as Json, (of) => bare(of, path))
    else if (Array.isArray(value)) own[name] = value.map((of: unknown) => (isJsonObject(of) ? bare(of, path) : of))
    else own[name] = isJsonObject(value) ? bare(value, path) : value
  }
  const parts = ((schema['allOf'] ?? []) as Json[]).map((of) => bare(of, path))
  return keysOf([...parts, own].reduce(merged, {}))
}

/** What both demand. */
function merged(a: Json, b: Json): Json {
  const both: Json = { ...a, ...b }
  if (a['required'] && b['required']) both['required'] = [...new Set([...a['required'], ...b['required']])]
  if (a['properties'] && b['properties']) {
    const { properties: of } = a
    both['properties'] = { ...of, ...mapValues(b['properties'] as Json, (value, key) => merged(of[key] ?? {}, value)) }
  }
  return both
}

/** Where keys have a form, no others are meant. */
function keysOf({ patternProperties, ...schema }: Json): Json {
  const [[pattern, value] = [], ...more] = Object.entries((patternProperties ?? {}) as Json)
  if (pattern === undefined || more.length > 0 || schema['properties']) return schema
  return { ...schema, propertyNames: { pattern }, additionalProperties: value as Json }
}

function mapValues(object: Json, change: (value: Json, key: string) => Json): Json {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value as Json, key)]))
}

const answers: [string, Json][] = []
for (const path of git('ls-tree', '-r', version, '--name-only', folder).trim().split('\n')) {
  if (path.includes('/definitions/')) continue
  const { paths = {}, servers = [] } = open(path)
  const base = (servers as Json[])[0]?.['variables']?.['basePath']?.['default'] ?? ''
  for (const [name, operations] of Object.entries(paths as Json)) {
    for (const [method, operation] of Object.entries(operations as Json)) {
      const schema = (operation as Json)['responses']['200']?.['content']?.['application/json']?.['schema'] as Json
      answers.push([`${method.toUpperCase()} ${base}${name.trim()}`, schema ? bare(schema, path) : {}])
    }
  }
}
const lines = answers
  .toSorted(([a], [b]) => (a < b ? -1 : 1))
  .map((entry) => entry.map((of) => JSON.stringify(of)).join(': '))
writeFileSync(new URL('answers.json', import.meta.url), `{\n${lines.join(',\n')}\n}\n`)
