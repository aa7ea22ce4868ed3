/** Threats of HTTP itself: paths, headers, bodies, forwarded addresses. */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from '@jest/globals'
import { endpoints } from '../../homeserver/http/endpoints.ts'
import { sendRaw } from '../conformance/raw-request.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** A path without parameters left: each has some text of the right form. */
const filled = (path: string): string =>
  path
    .replaceAll(/:roomId\w*/g, '!room:hs.test')
    .replaceAll(':userId', '@alice:hs.test')
    .replaceAll(/:\w+/g, 'x')

/** Other ways to write a path, which proxies and file systems take for the same. */
const disguises: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => `/${path}`,
  (path) => `${path}/`,
  (path) => path.replace('/_matrix', '/./_matrix'),
  (path) => `/_matrix/client/versions/../../..${path}`,
  (path) => path.replace('client', 'cl%69ent'),
  (path) => path.replace('_matrix', '%5Fmatrix'),
  (path) => path.replace('/v3/', '%2Fv3%2F'),
  (path) => path.replace('/v3/', '/%2e%2e/v3/'),
  (path) => path.toUpperCase(),
  (path) => `${path};a=b`,
  (path) => `${path}%00`,
  (path) => `${path}%23`,
  (path) => path.replaceAll('/', '\\'),
  (path) => `http://hs.test${path}`,
]

test('T55: however a path is written, nobody gets by without a token', async () => {
  await using server = await startServer()
  const agent = new Agent({ keepAlive: true })
  const guarded = endpoints.filter(({ auth }) => auth === 'user' || auth === 'admin' || auth === 'server')
  expect(guarded.length).toBeGreaterThan(100)
  for (const { method, paths } of guarded) {
    for (const disguise of disguises) {
      const target = disguise(filled(paths[0] ?? ''))
      const raw = { url: server.url, method, target, headers: {}, body: method === 'GET' ? undefined : '{}' }
      const answer = await sendRaw(agent, raw, 5_000)
      const text = String(answer?.body)
      if (answer?.status === 400 && text === '') continue // Node's parser, before anybody of ours saw it
      const { errcode } = JSON.parse(text) as { errcode?: unknown }
      const isRefused = [400, 401, 403, 404, 405].includes(answer?.status ?? 0) && typeof errcode === 'string'
      expect([method, target, answer?.status, isRefused]).toEqual([method, target, answer?.status, true])
    }
  }
  agent.destroy()
})

test('T56: an address that a client makes up does not lift the lock of an account', async () => {
  await using server = await startServer({ config: 'listen: { trusted_proxies: [] }' })
  await server.register('alice', 'right')
  const attempt = async (password: string, forwarded: string): Promise<number> => {
    const identifier = { type: 'm.id.user', user: 'alice' }
    const body = { type: 'm.login.password', identifier, password }
    return (await server.client().request('POST', '/login', body, { 'X-Forwarded-For': forwarded })).status
  }
  for (let n = 0; n < 5; n++) expect(await attempt('wrong', `198.51.100.${n}`)).toBe(403)
  expect(await attempt('right', '198.51.100.99')).toBe(429)
})

test('T56: of forwarded addresses the last one that no proxy of ours added counts, and rubbish is no fault', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  for (const forwarded of [
    'rubbish',
    'rubbish, more',
    ', ,',
    '198.51.100.7, rubbish',
    `${'1,'.repeat(500)}x`,
    '::1, [::1]:80',
  ]) {
    const { status } = await alice.request('GET', '/account/whoami', undefined, { 'X-Forwarded-For': forwarded })
    expect([forwarded, status]).toEqual([forwarded, 200])
  }
  const seenAs = async (forwarded: string): Promise<unknown> => {
    const headers = { 'X-Forwarded-For': forwarded }
    const identifier = { type: 'm.id.user', user: 'alice' }
    const login = { type: 'm.login.password', identifier, password: 'password of alice' }
    const session = await server.client().request('POST', '/login', login, headers)
    const client = server.client()
    client.token = session.body['access_token'] as string
    client.deviceId = session.body['device_id'] as string
    await client.request('GET', '/account/whoami', undefined, headers)
    await server.server.settle()
    const { status, body } = await client.request('GET', `/devices/${client.deviceId}`, undefined, headers)
    expect(status).toBe(200)
    return body['last_seen_ip']
  }
  expect(await seenAs('203.0.113.1, 198.51.100.7')).toBe('198.51.100.7')
  expect(await seenAs('203.0.113.1, 198.51.100.7, 127.0.0.1')).toBe('198.51.100.7')
})

test('T68: any page may ask, none with cookies, and pages for people go into no frame', async () => {
  await using server = await startServer()
  const origin = { Origin: 'https://evil.example' }
  for (const path of ['/_matrix/client/versions', '/_matrix/client/v3/account/whoami', '/nothing/here']) {
    const { headers } = await fetch(server.url + path, { headers: origin })
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-credentials')).toBeNull()
    expect(headers.get('set-cookie')).toBeNull()
  }
  const pages = endpoints.filter(
    ({ method, auth, paths }) => method === 'GET' && auth === 'none' && paths[0]?.endsWith('/web') === true,
  )
  for (const { paths } of pages) {
    const path = (paths[0] ?? '').replace(':authType', 'm.login.dummy')
    const answer = await fetch(`${server.url}${path}?session=x`, { headers: origin, redirect: 'manual' })
    expect(answer.headers.get('set-cookie')).toBeNull()
    // A page that leads on to one of our own shows nothing itself.
    if (answer.status === 303) {
      expect(answer.headers.get('location')).toMatch(/^https:\/\/hs\.test\/auth\//)
      continue
    }
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(answer.headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/)
  }
  expect(pages.length).toBeGreaterThan(0)
})

test('T72: of a huge body of whatever type hardly anything is kept', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  await alice.createRoom()
  const types = ['MuLtIpArT/form-data; boundary=x', 'application/json', 'application/x-www-form-urlencoded']
  for (const type of types) {
    const before = process.memoryUsage.rss()
    const { status, grown } = await pour(server, alice.token, type, 200)
    expect([type, status]).toEqual([type, type.startsWith('M') ? 415 : 413])
    expect(grown - before).toBeLessThan(120 * 2 ** 20)
  }
  await alice.get('/account/whoami')
})

/** Sends so many MiB in chunks, without saying how many, and looks how large the process becomes. */
async function pour(
  { server }: TestServer,
  token: string,
  type: string,
  mebibytes: number,
): Promise<{ status: number; grown: number }> {
  const socket = connect(server.port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
  socket.on('error', () => undefined) // the server may close when it has answered
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(
    `POST /_matrix/client/v3/createRoom HTTP/1.1\r\nhost: hs.test\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: ${type}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n`,
  )
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(2 ** 20, 'x'), Buffer.from('\r\n')])
  let grown = 0
  for (let n = 0; n < mebibytes && socket.writable; n++) {
    if (!socket.write(chunk)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
    grown = Math.max(grown, process.memoryUsage.rss())
  }
  socket.end('0\r\n\r\n')
  await closed
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), grown }
}
