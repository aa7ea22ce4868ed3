import { randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from '@jest/globals'
import { type FakeAnswer, fakeFetcher } from '../../../test/support/fake-fetch.ts'
import { encodeCanonical } from '../../core/canonical-json.ts'
import { publicKeyFrom, signingKeyFromSeed, verifyText } from '../../core/signing.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import type { FetchOptions } from '../../platform/fetch.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import { Metrics } from '../../platform/metrics.ts'
import { noTracing, type SpanOptions, type Tracing } from '../../platform/tracing.ts'
import { FederationClient, federationPath } from './client.ts'
import { Destinations } from './destinations.ts'
import { parseAuthorization, textToSign } from './request-signing.ts'
import type { Target } from './resolve-server.ts'

const key = signingKeyFromSeed('k', randomBytes(32))

function targetAt(host: string): Target {
  return { host, port: 8448, hostHeader: 'a.test', certificateName: 'a.test', by: 'srv', isDelegated: false }
}

type Answer = FakeAnswer | Error | Promise<FakeAnswer>

/** A client whose requests are answered by `answer`; `a.test` is at two targets. */
function clientOf(answer: (url: URL, options: FetchOptions) => Answer) {
  const clock = new FakeClock()
  const calls: { url: URL; options: FetchOptions }[] = []
  const fetch = fakeFetcher(async (url, options) => {
    calls.push({ url, options })
    const made = await answer(url, options)
    if (made instanceof Error) throw made
    return made
  })
  const spans: { name: string; options: SpanOptions }[] = []
  const tracing: Tracing = {
    span: (name, options, work) => {
      spans.push({ name, options })
      return noTracing.span(name, options, (span) => work({ ...span, traceparent: 'ours' }))
    },
  }
  const client = new FederationClient({
    signer: { serverName: 'us.test', key },
    fetch,
    resolveServer: () => Promise.resolve([targetAt('one.test'), targetAt('::2')]),
    mayTalkTo: (server) => server !== 'denied.test',
    destinations: new Destinations({ clock }),
    metrics: new Metrics(),
    clock,
    tracing,
  })
  return { client, clock, fetch, calls, spans }
}

const path = federationPath`/v1/event/${'$a/b?c'}`

test('a request goes to the target of the server, under its name, signed as it is sent', async () => {
  const { client, calls } = clientOf(() => ({ body: { ok: 1.5 } }))
  const body = { b: 'ä', a: [1] }
  const query = { limit: 10, v: ['1', '2'], nothing: undefined }
  expect(await client.put('a.test', path, { body, query })).toEqual({ ok: 1.5 })
  const [{ url, options }] = calls as [(typeof calls)[0]]
  expect(url.href).toBe('https://one.test:8448/_matrix/federation/v1/event/%24a%2Fb%3Fc?limit=10&v=1&v=2')
  expect(options).toMatchObject({ method: 'PUT', servername: 'a.test', headers: { host: 'a.test' } })
  expect(options.body).toBe(encodeCanonical(body))
  const claim = parseAuthorization(options.headers?.['authorization'] ?? '')
  expect(claim).toMatchObject({ origin: 'us.test', destination: 'a.test', keyId: 'ed25519:k' })
  const publicKey = publicKeyFrom(key.publicKey)
  const uri = url.pathname + url.search
  const parts = { method: 'PUT', uri, origin: 'us.test', destination: 'a.test', content: encodeCanonical(body) }
  expect(publicKey && verifyText(textToSign(parts), claim?.signature ?? '', publicKey)).toBe(true)
})

test('a trace tells which server was asked for what kind of thing, and other servers are told of no trace', async () => {
  const { client, calls, spans } = clientOf(() => ({ body: {} }))
  await client.put('a.test', path, { body: {} })
  const options = { kind: 'client', attributes: { 'server.address': 'a.test' } }
  expect(spans).toEqual([{ name: 'PUT /_matrix/federation/v1/event', options }])
  expect(Object.keys(calls[0]?.options.headers ?? {})).not.toContain('traceparent')
})

test('the next target is tried when one cannot be reached, but not for a POST, which may have been done', async () => {
  const { client, fetch } = clientOf(({ hostname }) =>
    hostname === 'one.test' ? new FetchError('network', 'refused') : { body: {} },
  )
  expect(await client.get('a.test', path)).toEqual({})
  expect(fetch.asked.map((asked) => new URL(asked.split(' ')[1] ?? '').host)).toEqual(['one.test:8448', '[::2]:8448'])
  await expect(client.post('a.test', path, { body: {} })).rejects.toMatchObject({ status: 502 })
  expect(fetch.asked).toHaveLength(3)
})

describe('T53: what our clients hear of an error of another server', () => {
  const hear = async (answer: FakeAnswer | Error): Promise<unknown> => {
    const { client } = clientOf(() => answer)
    return await client.get('a.test', path).catch((error: unknown) => error)
  }

  test.each([
    [401, 'M_UNKNOWN_TOKEN'],
    [401, 'M_MISSING_TOKEN'],
    [401, 'M_UNAUTHORIZED'],
    [401, 'M_FORBIDDEN'],
    [403, 'M_USER_DEACTIVATED'],
    [429, 'M_LIMIT_EXCEEDED'],
    [404, 'M_UNRECOGNIZED'],
    [500, 'M_UNKNOWN'],
    [403, '__proto__'],
    [403, 'toString'],
  ])('status %i with %s never ends a session', async (status, errcode) => {
    const body = { errcode, error: 'Hello', soft_logout: true, retry_after_ms: 1e9, session: 'x', flows: [] }
    const error = await hear({ status, body })
    const isForbidden = errcode === 'M_FORBIDDEN'
    expect(error).toMatchObject({
      status: isForbidden ? 403 : 502,
      errcode: isForbidden ? 'M_FORBIDDEN' : 'M_UNKNOWN',
      extra: {},
      remote: { status, errcode },
    })
  })

  test.each([
    ['M_FORBIDDEN', 403],
    ['M_NOT_FOUND', 404],
    ['M_UNABLE_TO_AUTHORISE_JOIN', 400],
    ['M_UNABLE_TO_GRANT_JOIN', 400],
  ])('%s is let through, with our own status', async (errcode, status) => {
    const error = await hear({ status: 418, body: { errcode, error: 'Because'.repeat(100), room_version: '9' } })
    expect(error).toMatchObject({ errcode, status, extra: {} })
    expect(String(error)).toContain('a.test: Because')
    expect(String(error).length).toBeLessThan(400)
  })

  test('the room version that somebody lacks is told', async () => {
    const body = { errcode: 'M_INCOMPATIBLE_ROOM_VERSION', error: 'No', room_version: '12' }
    expect(await hear({ status: 400, body })).toMatchObject({ status: 400, extra: { room_version: '12' } })
  })

  test.each<[string, FakeAnswer | Error]>([
    ['no JSON', { body: '<html>' }],
    ['no object', { body: '[]' }],
    ['no JSON in an error', { status: 403, body: '<html>' }],
    ['a redirect', { status: 302, headers: { location: 'https://elsewhere.test/' } }],
    ['no connection', new FetchError('network', 'refused')],
    ['an address that is not allowed', new FetchError('denied', 'inside')],
    ['too much', new FetchError('too_large', 'large')],
  ])('%s is a bad gateway', async (_, answer) => {
    expect(await hear(answer)).toMatchObject({ name: 'FederationError', status: 502, errcode: 'M_UNKNOWN' })
  })
})

test('who asks waits no longer than told, whatever hangs', async () => {
  const { client, clock } = clientOf(
    (_, { signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error))),
  )
  const asked = client.get('a.test', path, { timeoutMs: 5_000 }).catch((error: unknown) => String(error))
  await clock.advance(5_000)
  expect(await asked).toContain('a.test did not answer in time')
  const givenUp = new AbortController()
  const other = client.get('b.test', path, { signal: givenUp.signal })
  givenUp.abort(new Error('The client went away'))
  await expect(other).rejects.toThrow('The client went away')
})

test('a server that does not answer is left alone for a while, longer each time, up to five minutes', async () => {
  let isUp = false
  const { client, clock, fetch } = clientOf(() => (isUp ? { body: {} } : { status: 503 }))
  const pauses: number[] = []
  let last = 0
  for (let seconds = 0; seconds < 2_000; seconds++) {
    const before = fetch.asked.length
    await expect(client.get('a.test', path)).rejects.toMatchObject({ status: 502 })
    if (fetch.asked.length > before) {
      pauses.push(seconds - last)
      last = seconds
    }
    await clock.advance(1_000)
  }
  expect(pauses[1]).toBeLessThanOrEqual(7)
  expect(pauses.length).toBeLessThan(15)
  expect(Math.max(...pauses)).toBeLessThanOrEqual(361)
  isUp = true
  expect(await client.get('a.test', path, { evenIfDown: true })).toEqual({})
  expect(await client.get('a.test', path)).toEqual({})
})

test('one server has sixteen requests at a time, others have their own', async () => {
  const waiting: (() => void)[] = []
  const { client } = clientOf(() => new Promise((resolve) => waiting.push(() => resolve({ body: {} }))))
  const all = Array.from({ length: 40 }, () => client.get('a.test', path))
  const other = client.get('b.test', path)
  await new Promise(setImmediate)
  expect(waiting).toHaveLength(17)
  for (let answer = waiting.shift(); answer; answer = waiting.shift()) {
    answer()
    await new Promise(setImmediate)
  }
  await Promise.all([...all, other])
})

test('a body can be read as a stream, and an error all the same', async () => {
  const { client } = clientOf(({ pathname }) =>
    pathname.endsWith('good') ? { body: 'bytes' } : { status: 404, body: { errcode: 'M_NOT_FOUND', error: 'No' } },
  )
  const { body } = await client.open('GET', 'a.test', '/_matrix/good')
  expect(await text(body)).toBe('bytes')
  await expect(client.open('GET', 'a.test', '/_matrix/bad')).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' })
})

test('servers we do not talk to are not asked, and neither are we', async () => {
  const { client, fetch } = clientOf(() => ({ body: {} }))
  await expect(client.get('denied.test', path)).rejects.toMatchObject({ status: 403, errcode: 'M_FORBIDDEN' })
  await expect(client.get('us.test', path)).rejects.toThrow(TypeError)
  expect(fetch.asked).toEqual([])
})
