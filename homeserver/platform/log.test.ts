import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { redact } from './log-format.ts'
import { configureLogging, logger, type LogOptions, withRequest } from './log.ts'
import { Secret } from './secret.ts'

let lines: string[] = []
const configure = (changes: Partial<LogOptions> = {}): void =>
  configureLogging({ level: 'info', format: 'json', write: (line) => void lines.push(line), ...changes })

beforeEach(() => {
  lines = []
  configure()
})
afterEach(() => configureLogging({}))

const parsed = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line) as Record<string, unknown>)

describe('a line', () => {
  test('has time, level, subsystem, message, fields and the request it belongs to', async () => {
    const log = logger('rooms')
    await withRequest('req1', async () => {
      await Promise.resolve()
      log.info({ roomId: '!a:b' }, 'event persisted')
    })
    expect(parsed()).toEqual([
      {
        ts: expect.stringMatching(/^\d{4}-/),
        level: 'info',
        subsystem: 'rooms',
        msg: 'event persisted',
        req_id: 'req1',
        roomId: '!a:b',
      },
    ])
  })

  test('tells errors with code and cause', () => {
    const error = Object.assign(new Error('outer', { cause: new TypeError('inner') }), { code: 'EX' })
    logger('a').error({ error }, 'failed')
    expect(parsed()[0]).toMatchObject({
      error: { name: 'Error', message: 'outer', code: 'EX', cause: { name: 'TypeError' } },
    })
    configure({ format: 'human' })
    logger('a').error({ error, n: 1, text: 'a b' }, 'failed')
    expect(lines[1]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} ERROR a: failed error="Error: outer" n=1 text="a b"\n {4}Error: outer\n/,
    )
    expect(lines[1]).toContain('caused by\n    TypeError: inner')
  })

  test('is written for the levels asked, by subsystem if so configured', () => {
    const [noisy, quiet] = [logger('noisy'), logger('quiet')]
    configure({ levels: { noisy: 'debug', quiet: 'off' } })
    noisy.debug({}, 'one')
    quiet.error({}, 'two')
    logger('other').debug({}, 'three')
    logger('other').info({}, 'four')
    expect(parsed().map(({ msg }) => msg)).toEqual(['one', 'four'])
    expect([noisy.enabled('debug'), quiet.enabled('error')]).toEqual([true, false])
  })
})

describe('secrets', () => {
  const canary = 'c4n4ry'

  test('do not reach a line by the name of a field, at any depth, or inside of a text', () => {
    const error = new Error(`GET https://a/_matrix?access_token=${canary}&x=1`)
    logger('a').info(
      {
        accessToken: canary,
        deep: [{ Authorization: `Bearer ${canary}`, 'set-cookie': canary, password: canary }],
        config: { smtp: { client_secret: canary, key: new Secret(canary) } },
        header: `Bearer ${canary}`,
        error,
      },
      'request',
    )
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toContain(canary)
    expect(lines[0]).toContain('&x=1')
  })

  test('in a Secret come out by reveal alone', () => {
    const secret = new Secret(canary)
    const shown = [String(secret), JSON.stringify({ secret }), inspect({ secret }, { showHidden: true })]
    for (const text of shown) expect(text).not.toContain(canary)
    expect(secret.reveal()).toBe(canary)
    expect(JSON.stringify(secret)).toBe('"[redacted]"')
  })
})

test('values that are cyclic, deep, long or no JSON are cut, not thrown', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  expect(() => JSON.stringify(redact(cyclic))).not.toThrow()
  expect(redact({ n: 1n, f: () => 1, b: Buffer.alloc(9), m: new Map([[1, 2]]), u: undefined, d: new Date(0) })).toEqual(
    {
      n: '1',
      f: '[function]',
      b: '[9 bytes]',
      m: '[1 entries]',
      u: undefined,
      d: '1970-01-01T00:00:00.000Z',
    },
  )
  expect(redact('x'.repeat(3000))).toBe(`${'x'.repeat(2000)}… (3000 characters)`)
  expect(redact(Array.from({ length: 200 }, () => 1))).toHaveLength(101)
})

test('the same message is written ten times a second and then counted', async () => {
  const log = logger('disk')
  const allLines = logger('http', { limited: false })
  for (let i = 0; i < 25; i += 1) {
    log.error({ i }, 'disk is full')
    allLines.info({ i }, 'request')
  }
  log.error({}, 'another message')
  const count = (message: string): number => parsed().filter(({ msg }) => msg === message).length
  expect([count('disk is full'), count('request'), count('another message')]).toEqual([10, 25, 1])
  const { promise, resolve } = Promise.withResolvers<string>()
  configure({ write: resolve })
  expect(JSON.parse(await promise)).toMatchObject({ msg: 'disk is full', suppressed: 15 })
})
