import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from '@jest/globals'

const root = dirname(import.meta.dirname)

/** What each layer may import besides itself. The files beside the layers put them together, and may import all. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  platform: [],
  config: ['core', 'platform'],
  storage: ['core', 'platform', 'config', 'migrations'],
  domain: ['core', 'platform', 'config', 'storage'],
  http: ['core', 'platform', 'config', 'domain'],
  bridges: ['core', 'platform'],
}

/** A later one may use an earlier one. Back it goes by a stream, or by an interface that the asker declares. */
const domains = [
  'accounts',
  'account-data',
  'devices',
  'oauth',
  'second-factors',
  'sso',
  'telegram-login',
  'rooms',
  'directory',
  'ephemeral',
  'media',
  'sync',
  'search',
  'federation',
  'push',
  'appservice',
  'rtc',
  'admin',
]

interface Place {
  readonly layer: string
  /** Of its domain, from 1; files beside the domains come before all, and an unknown domain has none (NaN). */
  readonly rank: number
}

function placeOf(file: string): Place {
  const [top = '', layer = '', domain = '', inside] = file.split('/')
  const rank = layer === 'domain' && inside !== undefined ? domains.indexOf(domain) + 1 || NaN : 0
  return { layer: top === 'homeserver' ? layer : top, rank }
}

function mayImport(file: string, imported: string): boolean {
  const [from, to] = [placeOf(file), placeOf(imported)]
  const allowed = layers[from.layer]
  if (!allowed) return true
  if (from.layer === to.layer) return to.rank <= from.rank
  return allowed.includes(to.layer) || (to.layer === 'test' && file.endsWith('.test.ts'))
}

const importPattern = /^(?:import|export|\}) [^'\n]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm

function importsOf(file: string): string[] {
  const found = readFileSync(join(root, file), 'utf8').matchAll(importPattern)
  return [...found].map(([, fixed, dynamic]) => relative(root, join(root, dirname(file), fixed ?? dynamic ?? '')))
}

const files = globSync(['homeserver/**/*.ts', 'bridges/**/*.ts'], { cwd: root, exclude: ['**/node_modules/**'] })

test('imports go one way through the layers', () => {
  const pairs = files.flatMap((file) => importsOf(file).map((imported) => ({ file, imported })))
  expect(pairs.length).toBeGreaterThan(100)
  expect(pairs.filter(({ file, imported }) => !mayImport(file, imported))).toEqual([])
})

test('bridges share nothing with each other but what every application service needs', () => {
  const roomOf = (file: string): string => file.split('/')[1] ?? ''
  const across = files
    .filter((file) => file.startsWith('bridges/'))
    .flatMap((file) => importsOf(file).map((imported) => ({ file, imported })))
    .filter(({ imported }) => imported.startsWith('bridges/'))
    .filter(({ file, imported }) => ![roomOf(file), 'appservice'].includes(roomOf(imported)))
  expect(across).toEqual([])
})

test('core needs nothing from outside but hashes, signatures and schemas', () => {
  const packages = files
    .filter((file) => file.startsWith('homeserver/core/') && !file.endsWith('.test.ts'))
    .flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/ from '([^.'][^']*)'/g)].map(([, name]) => name),
    )
  expect([...new Set(packages)].filter((name) => name !== 'node:crypto' && name !== 'zod')).toEqual([])
})

test.each([
  ['homeserver/core/event.ts', 'homeserver/platform/clock.ts', false],
  ['homeserver/domain/rooms/send.ts', 'homeserver/domain/accounts/sessions.ts', true],
  ['homeserver/domain/rooms/send.ts', 'homeserver/domain/sync/notifier.ts', false],
  ['homeserver/domain/rooms/send.ts', 'homeserver/domain/unknown/x.ts', false],
  ['homeserver/domain/rooms/send.ts', 'homeserver/domain/limits.ts', true],
  ['homeserver/domain/limits.ts', 'homeserver/domain/rooms/send.ts', false],
  ['homeserver/http/client/sync.ts', 'homeserver/storage/database.ts', false],
  ['homeserver/storage/database.test.ts', 'test/support/databases.ts', true],
  ['homeserver/server.ts', 'homeserver/http/router.ts', true],
  ['bridges/telegram/main.ts', 'homeserver/domain/rooms/send.ts', false],
])('%s may import %s: %s', (file, imported, expected) => expect(mayImport(file, imported)).toBe(expected))
