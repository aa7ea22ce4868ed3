import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { FakeClock } from './fake-clock.ts'
import { createFetcher, type Fetcher } from './fetch.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let server: Server
let port: number
let connections = 0
let handle: Handler
let fetcher: Fetcher

/** Every name leads to this machine, which the lists allow. */
const local = { resolve: () => Promise.resolve(['127.0.0.1']), allow: ['127.0.0.0/8'] }

beforeAll(async () => {
  server = createServer((request, response) => handle(request, response))
  server.on('connection', () => (connections += 1))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port // listening on TCP
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  connections = 0
  fetcher = createFetcher(local)
})

const reply =
  (body: string | Buffer, headers: Record<string, string> = {}): Handler =>
  (_request, response) => {
    response.writeHead(200, headers).end(body)
  }

describe('where it goes', () => {
  test.each([
    'http://127.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.0.0.1:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://0.0.0.0:PORT/',
    'http://0:PORT/',
    'http://[::1]:PORT/',
    'http://[::]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://[::127.0.0.1]:PORT/',
    'http://[64:ff9b::127.0.0.1]:PORT/',
    'http://[2002:7f00:1::]:PORT/',
    'http://localhost:PORT/',
  ])('%s is refused without a connection', async (url) => {
    handle = reply('inside')
    const denied: string[] = []
    const strict = createFetcher({ onDenied: (host) => denied.push(host) })
    await expect(strict(url.replace('PORT', String(port)))).rejects.toMatchObject({ failure: 'denied' })
    expect(connections).toBe(0)
    expect(denied).toHaveLength(1)
  })

  test('a name that is public when looked up first and local at the second time is refused', async () => {
    handle = reply('inside')
    const answers = [['192.0.2.1'], ['127.0.0.1']]
    const rebound = createFetcher({ resolve: () => Promise.resolve(answers.shift() ?? []) })
    await expect(rebound(`http://a.example:${port}/`)).rejects.toMatchObject({ failure: 'denied' })
    await expect(rebound(`http://a.example:${port}/`)).rejects.toMatchObject({ failure: 'denied' })
    expect(connections).toBe(0)
  })

  test('of several addresses only those allowed are dialled', async () => {
    handle = reply('ok')
    const mixed = createFetcher({ ...local, resolve: () => Promise.resolve(['10.0.0.1', '127.0.0.1']) })
    expect((await mixed(`http://a.example:${port}/`)).body.toString()).toBe('ok')
  })

  test('a redirect is checked like a first address', async () => {
    const paths: string[] = []
    handle = (request, response) => {
      paths.push(request.url ?? '')
      response.writeHead(302, { location: `http://[::1]:${port}/inside` }).end()
    }
    await expect(fetcher(`http://a.example:${port}/`, { redirects: 5 })).rejects.toMatchObject({ failure: 'denied' })
    expect(paths).toEqual(['/'])
  })

  test.each(['file:///etc/passwd', 'ftp://a.example/', 'nonsense'])('%s is not for us', async (url) => {
    await expect(fetcher(url)).rejects.toMatchObject({ failure: 'protocol' })
  })
})

describe('redirects', () => {
  test('are answers unless they are to be followed', async () => {
    handle = (_request, response) => void response.writeHead(302, { location: '/b' }).end()
    const { status, headers } = await fetcher(`http://a.example:${port}/`)
    expect([status, headers.location]).toEqual([302, '/b'])
  })

  test('are followed with the method and body of their status, and without credentials to another origin', async () => {
    const seen: unknown[] = []
    handle = (request, response) => {
      void text(request).then((body) => {
        seen.push([request.method, request.url, request.headers.authorization, request.headers.host, body])
        const next = { '/a': [307, '/b'], '/b': [303, `http://other.example:${port}/c`] }[request.url ?? '']
        if (next) response.writeHead(Number(next[0]), { location: String(next[1]) }).end()
        else response.end('end')
      })
    }
    const answer = await fetcher(`http://a.example:${port}/a`, {
      method: 'POST',
      body: 'hello',
      headers: { authorization: 'secret', host: 'named.example' },
      redirects: 2,
    })
    expect(answer).toMatchObject({ status: 200, url: `http://other.example:${port}/c` })
    expect(seen).toEqual([
      ['POST', '/a', 'secret', 'named.example', 'hello'],
      ['POST', '/b', 'secret', `a.example:${port}`, 'hello'],
      ['GET', '/c', undefined, `other.example:${port}`, ''],
    ])
  })

  test('end at the limit, and at a protocol that is not allowed', async () => {
    handle = (_request, response) => void response.writeHead(302, { location: '/' }).end()
    const loop = fetcher(`http://a.example:${port}/`, { redirects: 3 })
    await expect(loop).rejects.toMatchObject({ failure: 'too_many_redirects' })
    const plain = fetcher(`http://a.example:${port}/`, { protocols: ['https:'] })
    await expect(plain).rejects.toMatchObject({ failure: 'protocol' })
  })
})

describe('what it takes', () => {
  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const)('%s is undone, and its size counted after that', async (encoding, compress) => {
    handle = reply(compress(Buffer.alloc(10_000, 'x')), { 'content-encoding': encoding })
    expect((await fetcher(`http://a.example:${port}/`, { maxBytes: 10_000 })).body).toHaveLength(10_000)
    const small = fetcher(`http://a.example:${port}/`, { maxBytes: 9_999 })
    await expect(small).rejects.toMatchObject({ failure: 'too_large' })
  })

  test('a bomb is cut at the limit', async () => {
    handle = reply(gzipSync(Buffer.alloc(200 * 1024 * 1024)), { 'content-encoding': 'gzip' })
    const before = process.memoryUsage().rss
    await expect(fetcher(`http://a.example:${port}/`)).rejects.toMatchObject({ failure: 'too_large' })
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024)
  })

  test('an answer too long by its own word is refused before it is read', async () => {
    handle = (_request, response) => void response.writeHead(200, { 'content-length': 1e9 }).write('x')
    await expect(fetcher(`http://a.example:${port}/`)).rejects.toMatchObject({ failure: 'too_large' })
  })

  test('an encoding not asked for and a broken one are errors', async () => {
    handle = reply('x', { 'content-encoding': 'odd' })
    await expect(fetcher(`http://a.example:${port}/`)).rejects.toMatchObject({ failure: 'protocol' })
    handle = reply('no gzip', { 'content-encoding': 'gzip' })
    await expect(fetcher(`http://a.example:${port}/`)).rejects.toMatchObject({ failure: 'network' })
  })

  test('HEAD has no body whatever its headers say', async () => {
    handle = reply('', { 'content-encoding': 'gzip', 'content-length': '100000000' })
    const { status, body } = await fetcher(`http://a.example:${port}/`, { method: 'HEAD' })
    expect([status, body.length]).toEqual([200, 0])
  })

  test('a body is sent as text, bytes or stream', async () => {
    handle = (request, response) => void request.pipe(response)
    for (const body of ['x', Buffer.from('x'), Readable.from(['x'])]) {
      const answer = await fetcher(`http://a.example:${port}/`, { method: 'PUT', body })
      expect(answer.body.toString()).toBe('x')
    }
  })

  test('a stream is given piece by piece, within its limit', async () => {
    handle = reply('x'.repeat(1000))
    const { body } = await fetcher.stream(`http://a.example:${port}/`)
    expect(await text(body)).toHaveLength(1000)
    const small = await fetcher.stream(`http://a.example:${port}/`, { maxBytes: 10 })
    await expect(text(small.body)).rejects.toMatchObject({ failure: 'too_large' })
  })

  test('connections are used again', async () => {
    handle = reply('x')
    for (let i = 0; i < 3; i += 1) await fetcher(`http://a.example:${port}/`)
    expect(connections).toBe(1)
  })
})

describe('how long it waits', () => {
  test('a buffered answer has one time limit for everything', async () => {
    const clock = new FakeClock()
    const arrived = Promise.withResolvers<void>()
    handle = (_request, response) => {
      response.writeHead(200).write('x')
      arrived.resolve()
    }
    const slow = createFetcher({ ...local, clock })(`http://a.example:${port}/`, { timeoutMs: 1000 })
    const failed = expect(slow).rejects.toMatchObject({ failure: 'timeout' })
    await arrived.promise
    await clock.advance(1000)
    await failed
    expect(clock.pending).toBe(0)
  })

  test('a stream may take long but not pause long', async () => {
    const clock = new FakeClock()
    let response: ServerResponse | undefined
    handle = (_request, given) => {
      response = given
      given.write('a')
    }
    const { body } = await createFetcher({ ...local, clock }).stream(`http://a.example:${port}/`, { timeoutMs: 1000 })
    const pieces = body[Symbol.asyncIterator]()
    for (const piece of ['b', 'c', 'd']) {
      await pieces.next()
      await clock.advance(700)
      response?.write(piece)
    }
    await pieces.next()
    const failed = expect(pieces.next()).rejects.toMatchObject({ failure: 'timeout' })
    await clock.advance(2000)
    await failed
    expect(clock.pending).toBe(0)
  })

  test("the caller's signal ends it with the caller's reason, before the head or after it", async () => {
    const abort = new AbortController()
    handle = () => abort.abort(new Error('client went away'))
    const waiting = fetcher(`http://a.example:${port}/`, { signal: abort.signal })
    await expect(waiting).rejects.toThrow('client went away')
    await expect(fetcher('http://a.example/', { signal: abort.signal })).rejects.toThrow('client went away')

    const later = new AbortController()
    handle = (_request, response) => void response.write('x')
    const { body } = await fetcher.stream(`http://a.example:${port}/`, { signal: later.signal })
    later.abort()
    await expect(text(body)).rejects.toThrow()
  })

  test('a server that hangs up is a network error', async () => {
    handle = (request) => request.socket.destroy()
    const cut = fetcher(`http://a.example:${port}/`, { method: 'POST' })
    await expect(cut).rejects.toMatchObject({ failure: 'network', cause: { code: 'ECONNRESET' } })
  })
})
