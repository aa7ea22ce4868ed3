import { inspect } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { ConfigError, type ConfigSources, loadConfig, readConfig } from './load.ts'
import { settings } from './settings.ts'

const sources = (text: string, rest: Partial<ConfigSources> = {}): ConfigSources => ({
  files: [{ name: 'config.yaml', text }],
  env: {},
  readFile: (path) => {
    throw new Error(`ENOENT: no such file, open '${path}'`)
  },
  ...rest,
})

const load = (text: string, rest?: Partial<ConfigSources>) => loadConfig(sources(text, rest))

function problems(text: string, rest?: Partial<ConfigSources>): readonly string[] {
  try {
    load(text, rest)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('the configuration was accepted')
}

describe('a good configuration', () => {
  test('may be empty', () => {
    const config = load('')
    expect(config.server_name).toBe('localhost')
    expect(config.public_url).toBe('http://localhost:8008')
    expect(config.database.url).toBe('sqlite:./data/domovoi.db')
    expect(config.media).toMatchObject({ path: './data/media', max_upload: 100 * 1024 * 1024 })
    expect(config.auth).toMatchObject({ access_token_lifetime: 3_600_000, session_lifetime: undefined })
  })

  test('is frozen through and through', () => {
    const config = load('')
    expect(Object.isFrozen(config) && Object.isFrozen(config.media.s3)).toBe(true)
    expect(Object.isFrozen(config.listen.trusted_proxies)).toBe(true)
  })

  test('may name sections without setting anything in them', () => {
    expect(load('media:\nlisten:\n  # port: 1\n')).toEqual(load(''))
  })

  test('derives what follows from other settings', () => {
    const config = load('server_name: example.org\ndata_dir: /srv/d')
    expect(config.public_url).toBe('https://example.org')
    expect(config.database.url).toBe('sqlite:/srv/d/domovoi.db')
    expect(load('public_url: https://a.example/').public_url).toBe('https://a.example')
  })

  test.each([
    ['127.0.0.1:9009', '127.0.0.1', 9009],
    ['[::1]:80', '::1', 80],
  ])('%s is a place to listen', (written, host, port) => {
    expect(load(`metrics: { listen: '${written}' }`).metrics.listen).toEqual({ host, port })
  })

  test('later files win, setting by setting', () => {
    const files = [
      { name: 'a.yaml', text: 'server_name: a.example\nlisten: { host: 127.0.0.1, port: 1 }' },
      { name: 'b.yaml', text: 'listen: { port: 2 }' },
    ]
    const { config, origins } = readConfig({ ...sources(''), files })
    expect(config).toMatchObject({ server_name: 'a.example', listen: { host: '127.0.0.1', port: 2 } })
    expect(origins.get('listen.port')).toBe('b.yaml:1:11')
  })

  test('a profile sets defaults, which the file may override', () => {
    const base = 'server_name: a.example\nprofile: community\n'
    expect(load(base)).toMatchObject({ federation: { mode: 'open' }, presence: 'local' })
    expect(load(`${base}presence: off`)).toMatchObject({ federation: { mode: 'open' }, presence: 'off' })
  })

  test.each([
    ['300ms', 300],
    ['90s', 90_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['14d', 1_209_600_000],
    ['2w', 1_209_600_000],
  ])('a lifetime of %s is %d ms', (written, ms) => {
    expect(load(`auth: { session_lifetime: ${written} }`).auth.session_lifetime).toBe(ms)
  })

  test.each([
    ['512KiB', 524_288],
    ['5GB', 5e9],
    ['1.5 MiB', 1_572_864],
  ])('a size of %s is %d bytes', (written, bytes) => {
    expect(load(`media: { max_upload: ${written} }`).media.max_upload).toBe(bytes)
  })
})

describe('the environment', () => {
  test('can set every setting', () => {
    for (const setting of settings) {
      if (setting.isSection) continue
      const read = () => readConfig(sources('server_name: a.example', { env: { [setting.env]: 'no value' } })).origins
      try {
        expect(read().get(setting.key)).toBe(setting.env)
      } catch (error) {
        expect(String(error)).toContain(setting.env) // refused for its value, which is to say: it was read
        expect(String(error)).not.toContain('no such setting')
      }
    }
  })

  test('wins over the file, and reads numbers, flags and lists', () => {
    const env = {
      DOMOVOI_LISTEN__PORT: '9000',
      DOMOVOI_LISTEN__TRUSTED_PROXIES: '10.0.0.0/8, 192.168.1.2',
      DOMOVOI_REGISTRATION__I_ACCEPT_ABUSE_RISK: 'true',
      DOMOVOI_ROOMS__DEFAULT_VERSION: '11',
      DOMOVOI_APPSERVICES: '[a.yaml]',
      DOMOVOI_TELEGRAM__PERMISSIONS: "{ '*': user, '@kim:a.example': admin }",
      DOMOVOI_PRESENCE: '',
    }
    expect(load('listen: { port: 1, host: "::" }\npresence: off', { env })).toMatchObject({
      listen: { port: 9000, host: '::', trusted_proxies: ['10.0.0.0/8', '192.168.1.2'] },
      registration: { i_accept_abuse_risk: true },
      rooms: { default_version: '11' },
      appservices: ['a.yaml'],
      telegram: { permissions: { '*': 'user', '@kim:a.example': 'admin' } },
      presence: 'off',
    })
  })

  test('a misspelt variable is told, what Kubernetes sets for a service is not', () => {
    expect(problems('', { env: { DOMOVOI_LISTEN__PROT: '1' } })).toEqual([
      'DOMOVOI_LISTEN__PROT: no such setting; did you mean DOMOVOI_LISTEN__PORT?',
    ])
    const env = { DOMOVOI_PORT: 'tcp://10.0.0.1:80', DOMOVOI_SERVICE_HOST: '10.0.0.1', DOMOVOI_PORT_80_TCP: 'x' }
    expect(load('', { env })).toEqual(load(''))
  })

  test('a wrong value is told with the name of the variable', () => {
    expect(problems('', { env: { DOMOVOI_LISTEN__PORT: 'http' } })).toEqual([
      'DOMOVOI_LISTEN__PORT  listen.port: a whole number from 0 to 65535 expected, not "http"',
    ])
    expect(problems('', { env: { DOMOVOI_TELEGRAM__PERMISSIONS: '{ a.example: king }' } })).toEqual([
      'DOMOVOI_TELEGRAM__PERMISSIONS  telegram.permissions: user ids, servers or "*", and what they may expected, not ' +
        '"{ a.example: king }"',
    ])
    const env = {
      DOMOVOI_REGISTRATION__TERMS: '[{ id: privacy, version: "1", en: { name: Privacy, url: privacy.html } }]',
    }
    expect(problems('registration: {}', { env })).toEqual([
      'DOMOVOI_REGISTRATION__TERMS  registration.terms.0.en.url: an address that starts with https:// or http:// ' +
        'expected, not "privacy.html"',
    ])
  })
})

describe('secrets', () => {
  const readFile = () => 'hunter2\n'

  test('come from the file or from where its name is given', () => {
    expect(load('database: { password: hunter2 }').database.password?.reveal()).toBe('hunter2')
    expect(load('database: { password_file: /run/x }', { readFile }).database.password?.reveal()).toBe('hunter2')
    const env = { DOMOVOI_DATABASE__PASSWORD_FILE: '/run/x' }
    expect(load('', { env, readFile }).database.password?.reveal()).toBe('hunter2')
  })

  test('do not show themselves', () => {
    const config = load('database: { password: hunter2 }')
    expect(JSON.stringify(config) + inspect(config, { depth: 9 }) + String(config.database.password)).not.toContain(
      'hunter2',
    )
    expect(problems('registration: { shared_secret: [hunter2] }').join()).not.toContain('hunter2')
    expect(problems('database: { url: "mysql://me:hunter2@host/db" }').join()).not.toContain('hunter2')
  })

  test('given twice, empty or unreadable are told', () => {
    expect(problems('database:\n  password: a\n  password_file: /run/x', { readFile })).toEqual([
      'config.yaml:3:3  database.password_file: database.password is set too; give one of them',
    ])
    expect(problems('database:\n  password_file: /run/x')).toEqual([
      "config.yaml:2:3  database.password_file: cannot read /run/x: ENOENT: no such file, open '/run/x'",
    ])
    expect(problems('database:\n  password_file: /run/x', { readFile: () => '\n' })[0]).toContain('not empty expected')
  })
})

describe('mistakes are told with their place', () => {
  test.each([
    [
      'unknown key',
      'media:\n  max_uplod: 1MiB',
      'config.yaml:2:3  media.max_uplod: unknown key; did you mean media.max_upload?',
    ],
    [
      'key at the wrong place',
      'max_upload: 1MiB',
      'config.yaml:1:1  max_upload: unknown key; did you mean media.max_upload?',
    ],
    ['unknown section', 'xyzzy:\n  a: 1', 'config.yaml:1:1  xyzzy: unknown key'],
    [
      'wrong word',
      'presence: ful',
      'config.yaml:1:1  presence: one of off, local, full expected, not "ful"; did you mean full?',
    ],
    [
      'wrong type',
      'listen:\n  port: "80"',
      'config.yaml:2:3  listen.port: a whole number from 0 to 65535 expected, not "80"',
    ],
    [
      'item of a list',
      'listen:\n  trusted_proxies: [::1, foo]',
      'config.yaml:2:26  listen.trusted_proxies.1: addresses or ranges such as 10.0.0.0/8 or ::1 expected, not "foo"',
    ],
    ['no section', 'listen: 8008', 'config.yaml:1:1  listen: a section of settings expected, not 8008'],
    ['duplicate key', 'presence: off\npresence: full', 'config.yaml:2:1  this key stands here a second time'],
    ['tab', 'listen:\n\tport: 80', 'config.yaml:2:1  a tab stands here; indent with spaces'],
    ['no settings at all', '- a', 'config.yaml:1:1  settings expected, such as  server_name: example.org'],
    [
      'server name with scheme',
      'server_name: https://a.b',
      'config.yaml:1:1  server_name: a server name such as example.org, without https:// or path expected, not "https://a.b"',
    ],
    [
      'duration without unit',
      'auth:\n  lockout_time: "15"',
      'config.yaml:2:3  auth.lockout_time: a duration such as 30s, 15m, 12h or 14d expected, not "15"',
    ],
    [
      'open registration',
      'registration:\n  mode: open',
      'config.yaml:2:3  registration.mode: open needs registration.i_accept_abuse_risk: true',
    ],
    [
      'federating localhost',
      'federation:\n  mode: open',
      'config.yaml:2:3  federation.mode: open needs a server_name that other servers can find, not localhost',
    ],
    [
      'document without a version in quotes',
      'registration:\n  terms:\n    - { id: privacy, version: 1.0, en: { name: Privacy, url: "https://a.b/" } }',
      "config.yaml:3:22  registration.terms.0.version: a text in quotes such as '1.0' expected, not 1",
    ],
    [
      'misspelt key of a document',
      'registration:\n  terms:\n    - { id: privacy, version: "1", lang: en }',
      'config.yaml:3:36  registration.terms.0.lang: a language with name and url expected, not "en"',
    ],
    [
      'document without text',
      'registration:\n  terms: [{ id: privacy, version: "1" }]',
      'config.yaml:2:11  registration.terms.0: a document with at least one language expected, not {"id":"privacy","version":"1"}',
    ],
    [
      'two documents of one id',
      'registration:\n  terms: [&a { id: privacy, version: "1", en: { name: Privacy, url: "https://a.b/" } }, *a]',
      'config.yaml:2:3  registration.terms: two documents have the id privacy',
    ],
    ['TLS without key', 'tls:\n  mode: files', 'config.yaml:2:3  tls.mode: files needs tls.cert and tls.key'],
  ])('%s', (_, text, problem) => {
    expect(problems(text)).toEqual([problem])
  })

  test('all of them at once, in the order of the file', () => {
    const places = problems('presence: ful\nmedia:\n  s3:\n    regoin: x\nlisten:\n  port: -1\n').map(
      (line) => line.split(' ')[0],
    )
    expect(places).toEqual(['config.yaml:1:1', 'config.yaml:4:5', 'config.yaml:6:3'])
  })
})
