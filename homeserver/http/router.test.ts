import { once } from 'node:events'
import { request } from 'node:http'
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { freePort } from '../domain/rtc/run-livekit.ts'
import { startServer } from '../../test/support/server.ts'
import { until } from '../../test/support/until.ts'

test('an unknown path, a wrong method and a preflight get the answers clients look for', async () => {
  await using server = await startServer()
  const client = server.client()
  expect((await client.request('GET', '/_matrix/client/versions')).body['versions']).toContain('v1.19')
  expect(await client.refusal('GET', '/_matrix/client/v3/nowhere')).toEqual({ status: 404, errcode: 'M_UNRECOGNIZED' })
  expect(await client.refusal('PUT', '/_matrix/client/versions', {})).toEqual({
    status: 405,
    errcode: 'M_UNRECOGNIZED',
  })
  const preflight = await client.request('OPTIONS', '/_matrix/client/v3/anything')
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
})

forEachDatabase(({ dialect }) => {
  test('a part of a path without end is refused before it comes to an index', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const long = encodeURIComponent('好'.repeat(1000))
    for (const path of [
      `/sendToDevice/m.test/${long}`,
      `/user/${encodeURIComponent(alice.userId)}/account_data/${long}`,
    ]) {
      expect(await alice.refusal('PUT', path, { messages: {} })).toEqual({ status: 413, errcode: 'M_TOO_LARGE' })
    }
  })
})

test('one IPv6 network has one rate limit, however many addresses it has', async () => {
  const config = 'limits: { preset: strict }\nlisten: { trusted_proxies: [127.0.0.1] }'
  await using server = await startServer({ config })
  const client = server.client()
  const statuses: number[] = []
  for (let n = 1; n <= 20; n++) {
    const headers = { 'X-Forwarded-For': `2001:db8:0:1::${n.toString(16)}` }
    statuses.push((await client.request('POST', '/login', { type: 'none' }, headers)).status)
  }
  expect(statuses).toContain(429)
})

test('whoever tries access tokens is stopped, and those from elsewhere are not; expired ones may be renewed', async () => {
  const config = 'limits: { preset: strict }\nlisten: { trusted_proxies: [127.0.0.1] }'
  await using server = await startServer({ config })
  const ask = async (token: string, from: string): Promise<number> => {
    const client = server.client()
    client.token = token
    return (await client.request('GET', '/account/whoami', undefined, { 'X-Forwarded-For': from })).status
  }
  const statuses: number[] = []
  for (let n = 0; n < 100; n++) statuses.push(await ask(`guess${n}`, '203.0.113.7'))
  expect(statuses.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 401))
  expect(statuses).toContain(429)
  expect(await ask('guess', '198.51.100.7')).toBe(401)
  const alice = await server.register('alice')
  expect(await ask(alice.token, '203.0.113.7')).toBe(200)
})

test('who goes before the answer is counted as gone, and not as answered', async () => {
  const metricsPort = await freePort()
  await using server = await startServer({ config: `metrics: { listen: '127.0.0.1:${metricsPort}' }` })
  const alice = await server.register('alice')
  const { next_batch: since } = await alice.get('/sync')
  const poll = request(`${server.url}/_matrix/client/v3/sync?timeout=600000&since=${since}`, {
    headers: { Authorization: `Bearer ${alice.token}` },
  })
  poll.on('error', () => undefined)
  poll.end()
  await once(poll, 'finish')
  poll.destroy()
  const gone = 'http_requests_total{method="GET",route="/_matrix/client/v3/sync",status="499"} 1'
  await until(async () => (await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()).includes(gone), 20)
})
