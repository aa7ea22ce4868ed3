import { createServer, type Server } from 'node:https'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { hasOpenssl, makeCertificate } from '../../../test/support/certificates.ts'
import { type FakeAnswer, fakeFetcher } from '../../../test/support/fake-fetch.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { createFetcher, type Fetcher } from '../../platform/fetch.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import { WellKnown } from './well-known.ts'

const minute = 60_000
const hour = 60 * minute

/** Answers one after the other, the last one again and again. An error is thrown. */
function wellKnownOf(...answers: readonly (FakeAnswer | Error)[]) {
  const clock = new FakeClock()
  let next = 0
  const fetch = fakeFetcher(() => {
    const answer = answers[Math.min(next++, answers.length - 1)] ?? {}
    if (answer instanceof Error) throw answer
    return answer
  })
  return { clock, fetch, wellKnown: new WellKnown({ fetch, clock }) }
}

const delegating = (headers: Record<string, string> = {}, server = 'hs.target.test:443'): FakeAnswer => ({
  headers,
  body: { 'm.server': server },
})

/** Between which times a host is asked again. */
async function keptFor(answer: FakeAnswer | Error): Promise<number> {
  const { clock, fetch, wellKnown } = wellKnownOf(answer)
  await wellKnown.serverOf('a.test')
  for (let minutes = 1; minutes < 3000; minutes++) {
    await clock.advance(minute)
    await wellKnown.serverOf('a.test')
    if (fetch.asked.length > 1) return minutes * minute
  }
  return Infinity
}

test('a host is asked once, by all who want to know, over HTTPS', async () => {
  const { wellKnown, fetch } = wellKnownOf(delegating())
  const found = await Promise.all([wellKnown.serverOf('a.test'), wellKnown.serverOf('A.test')])
  expect(found).toEqual(['hs.target.test:443', 'hs.target.test:443'])
  expect(await wellKnown.serverOf('a.test')).toBe('hs.target.test:443')
  expect(fetch.asked).toEqual(['GET https://a.test/.well-known/matrix/server'])
})

describe('T44: what a host says is kept', () => {
  test.each([
    ['for a day if it does not say how long', {}, 24 * hour],
    ['as long as it says', { 'cache-control': 'public, max-age=7200' }, 2 * hour],
    ['until it says it expires', { expires: new Date(Date.UTC(2026, 0, 1, 5)).toUTCString() }, 5 * hour],
    ['for five minutes at least', { 'cache-control': 'max-age=1' }, 5 * minute],
    ['for five minutes if it is not to be kept', { 'cache-control': 'no-store' }, 5 * minute],
    ['for two days at most, not ten years', { 'cache-control': 'max-age=315360000' }, 48 * hour],
  ] as const)('%s', async (_, headers, expected) => {
    const kept = await keptFor(delegating(headers))
    expect(kept).toBeGreaterThanOrEqual(expected * 0.9)
    expect(kept).toBeLessThanOrEqual(expected)
  })

  test.each([
    ['not found', { status: 404 }],
    ['no JSON', { body: '<html>' }],
    ['no object', { body: '"hs.test"' }],
    ['no server', { body: {} }],
    ['no name of a server', { body: { 'm.server': 'https://hs.test/' } }],
    ['a redirect nobody followed', { status: 302, headers: { location: '/' } }],
  ] as const)('for an hour if it delegates to nobody: %s', async (_, answer) => {
    const { wellKnown } = wellKnownOf(answer)
    expect(await wellKnown.serverOf('a.test')).toBeUndefined()
    const kept = await keptFor(answer)
    expect(kept).toBeGreaterThanOrEqual(0.9 * hour)
    expect(kept).toBeLessThanOrEqual(hour)
  })
})

test('T44: a host that does not answer is asked less and less often, up to an hour apart', async () => {
  const { clock, fetch, wellKnown } = wellKnownOf(new FetchError('network', 'refused'))
  const askedAt: number[] = []
  for (let minutes = 0; minutes < 400; minutes++) {
    const before = fetch.asked.length
    expect(await wellKnown.serverOf('down.test')).toBeUndefined()
    if (fetch.asked.length > before) askedAt.push(minutes)
    await clock.advance(minute)
  }
  const pauses = askedAt.slice(1).map((at, index) => at - (askedAt[index] ?? 0))
  expect(pauses.slice(0, 3)).toEqual([2, 4, 8])
  expect(Math.max(...pauses)).toBeLessThanOrEqual(60)
  expect(pauses.length).toBeLessThan(14)
})

test('what was said holds on for two days while the host is down', async () => {
  const { clock, wellKnown } = wellKnownOf(delegating({ 'cache-control': 'max-age=3600' }), { status: 502 })
  expect(await wellKnown.serverOf('a.test')).toBe('hs.target.test:443')
  await clock.advance(40 * hour)
  expect(await wellKnown.serverOf('a.test')).toBe('hs.target.test:443')
  await clock.advance(9 * hour)
  expect(await wellKnown.serverOf('a.test')).toBeUndefined()
})

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('T44: over the network', () => {
  let server: Server
  let fetcher: Fetcher
  let answer: RequestListener
  let hits = 0

  beforeAll(async () => {
    const certificate = makeCertificate('hs.test')
    server = createServer(certificate, (request, response) => {
      hits += 1
      answer(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const resolve = () => Promise.resolve(['127.0.0.1'])
    fetcher = createFetcher({ resolve, allow: ['127.0.0.0/8'], ca: [certificate.cert] })
  })
  afterAll(() => {
    fetcher.close()
    server.close()
  })

  const ask = async (listener: RequestListener): Promise<string | undefined> => {
    answer = listener
    hits = 0
    return await new WellKnown({ fetch: atPort(), clock: new FakeClock() }).serverOf('hs.test')
  }
  /** As if the server of the test were at port 443. */
  const atPort = (): Fetcher => {
    const { port } = server.address() as AddressInfo // listening on TCP
    const local = (url: string | URL) => String(url).replace('https://hs.test/', `https://hs.test:${port}/`)
    const mapped: (...args: Parameters<Fetcher>) => ReturnType<Fetcher> = (url, options) => fetcher(local(url), options)
    return Object.assign(mapped, { stream: mapped as never, close: () => undefined })
  }
  const documentOf = (bytes: number): string => {
    const text = JSON.stringify({ 'm.server': 'to.test', filler: '' })
    return text.replace('""', `"${'x'.repeat(bytes - text.length)}"`)
  }

  test('50 KiB are read, and not one byte more', async () => {
    expect(await ask((_, response) => response.end(documentOf(51_200)))).toBe('to.test')
    expect(await ask((_, response) => response.end(documentOf(51_201)))).toBeUndefined()
  })

  test('five redirects are followed, and a loop is left', async () => {
    const redirect = (times: number): RequestListener => {
      let left = times
      return (_, response) => {
        if (left-- > 0) response.writeHead(302, { location: '/again' }).end()
        else response.end(documentOf(100))
      }
    }
    expect(await ask(redirect(5))).toBe('to.test')
    expect(hits).toBe(6)
    expect(await ask(redirect(Infinity))).toBeUndefined()
    expect(hits).toBe(6)
  })

  test('a redirect to plain HTTP or to an address inside is not followed', async () => {
    expect(await ask((_, response) => response.writeHead(302, { location: 'http://hs.test/' }).end())).toBeUndefined()
    expect(await ask((_, response) => response.writeHead(302, { location: 'https://10.0.0.1/' }).end())).toBeUndefined()
    expect(hits).toBe(1)
  })
})
