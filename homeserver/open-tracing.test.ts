/** Traces, as a collector gets them from a server at work. */
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../test/support/databases.ts'
import { OtlpCollector } from '../test/support/otlp-collector.ts'
import { startServer } from '../test/support/server.ts'
import { Watcher } from '../test/support/watcher.ts'
import { Metrics } from './platform/metrics.ts'
import { OpenTelemetry } from './platform/open-telemetry.ts'

const SEND = 'PUT /_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId'
const theirs = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const traceparent = `00-${theirs.traceId}-${theirs.spanId}-01`

const inRoom = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`
const counted = (metrics: Metrics, result: string): number =>
  Number(new RegExp(`trace_spans_total\\{result="${result}"\\} (\\d+)`).exec(metrics.text())?.[1] ?? 0)

forEachDatabase(({ dialect }) => {
  test('a sent message is a request with its transaction in it, and tells nothing of who said what where', async () => {
    await using collector = await OtlpCollector.start()
    const config = `tracing: { endpoint: '${collector.endpoint}', ratio: 1, headers: "X-Token: for the collector" }`
    await using server = await startServer({ database: dialect, config })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const message = { msgtype: 'm.text', body: 'a well kept secret' }
    const answer = await alice.request('PUT', inRoom(roomId, 'send/m.room.message/a-transaction'), message)
    await alice.request('GET', inRoom('!nowhere:hs.test', 'state'))
    await server.server.stop() // sends what waits

    const send = collector.one(SEND)
    expect(send).toMatchObject({ service: 'domovoi', kind: 2, status: { code: 0 } })
    expect(send.parentSpanId).toBeUndefined()
    expect(send.attributes).toEqual({
      'http.request.method': 'PUT',
      'http.route': '/_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId',
      'http.response.status_code': 200,
      'domovoi.request.id': answer.headers.get('x-request-id'),
    })
    const parts = collector.partsOf(send)
    for (const part of parts) {
      expect(part).toMatchObject({
        kind: 3,
        attributes: { 'db.system.name': dialect === 'sqlite' ? 'sqlite' : 'postgresql' },
      })
      expect(BigInt(part.startTimeUnixNano) >= BigInt(send.startTimeUnixNano)).toBe(true)
    }
    expect(parts.map(({ name }) => name)).toContain('persist events') // ends are told by clocks that differ by a millisecond
    expect(collector.headers[0]?.['x-token']).toBe('for the collector')
    const told = collector.bodies.join()
    for (const secret of [
      'alice',
      'secret',
      roomId,
      alice.token,
      'a-transaction',
      'nowhere',
      new URL(server.url).host,
    ]) {
      expect(told).not.toContain(secret)
    }
    expect(counted(server.server.services.metrics, 'sent')).toBe(collector.spans.length)
  })
})

test('who asks by way of our proxy chooses the trace, and nobody else does', async () => {
  await using collector = await OtlpCollector.start()
  for (const proxies of ['[127.0.0.1]', '[192.0.2.1]']) {
    const config = `listen: { trusted_proxies: ${proxies} }\ntracing: { endpoint: '${collector.endpoint}', ratio: 0 }`
    await using server = await startServer({ config })
    await server.client().request('GET', '/_matrix/client/versions', undefined, { traceparent })
    await server.server.stop()
  }
  expect(collector.spans).toHaveLength(1)
  expect(collector.one('GET /_matrix/client/versions')).toMatchObject({
    traceId: theirs.traceId,
    parentSpanId: theirs.spanId,
  })
})

test('an application service is told which trace a transaction is a part of, and ours goes on with it', async () => {
  await using collector = await OtlpCollector.start()
  const config = `webhooks: on\ntracing: { endpoint: '${collector.endpoint}', ratio: 1 }`
  await using server = await startServer({ config })
  const watcher = new Watcher(await server.register('alice'))
  for (const name of ['first', 'second']) {
    const roomId = await watcher.client.createRoom({ name })
    await watcher.client.post(inRoom(roomId, 'invite'), { user_id: '@webhooks:hs.test' })
    await watcher.seesMember(roomId, '@webhooks:hs.test', 'join') // in the second when the first transaction is answered
  }
  await server.server.stop()

  const [transaction] = collector.spans.filter(({ name }) => name === 'PUT /_matrix/app/v1/transactions')
  if (!transaction) throw new Error('There was no transaction')
  expect(transaction).toMatchObject({ kind: 3, attributes: { 'domovoi.appservice.id': 'webhooks' } })
  expect(collector.partsOf(transaction)).toMatchObject([{ name: 'bridge transaction', kind: 2 }])
})

test('a dead collector costs nothing but a number', async () => {
  await using server = await startServer({ config: `tracing: { endpoint: 'http://127.0.0.1:1/v1/traces', ratio: 1 }` })
  const alice = await server.register('alice')
  await alice.send(await alice.createRoom(), { msgtype: 'm.text', body: 'hello' })
  await server.server.stop()
  const { metrics } = server.server.services
  expect(counted(metrics, 'lost')).toBeGreaterThan(0)
  expect(counted(metrics, 'sent')).toBe(0)
})

test('what a slow collector does not take in time is dropped and counted', async () => {
  await using collector = await OtlpCollector.start()
  const { promise, resolve } = Promise.withResolvers<void>()
  collector.gate = promise
  const metrics = new Metrics()
  const service = { name: 'test', serverName: 'hs.test' }
  const tracing = new OpenTelemetry({ endpoint: collector.endpoint, ratio: 1, service, metrics })
  const total = 6_000
  for (let n = 0; n < total; n++) await tracing.span('work', { kind: 'internal' }, () => Promise.resolve())
  resolve()
  await tracing[Symbol.asyncDispose]()
  const [sent = 0, lost = 0, dropped = 0] = ['sent', 'lost', 'dropped'].map((result) => counted(metrics, result))
  expect(dropped).toBeGreaterThan(0)
  expect(sent + lost + dropped).toBe(total)
  expect(collector.spans.length).toBeGreaterThanOrEqual(sent)
})

test('work that fails is marked by the kind of its error alone, and what goes on after its request is no part of it', async () => {
  await using collector = await OtlpCollector.start()
  const service = { name: 'test', serverName: 'hs.test' }
  const tracing = new OpenTelemetry({ endpoint: collector.endpoint, ratio: 1, service, metrics: new Metrics() })
  const inside = { kind: 'internal' } as const
  const { promise, resolve } = Promise.withResolvers<void>()
  let later: Promise<void> | undefined
  await tracing.span('request', inside, async () => {
    later = promise.then(() => tracing.span('later', inside, () => Promise.resolve()))
    const failing = tracing.span('failing', inside, () => Promise.reject(new RangeError('about alice')))
    await expect(failing).rejects.toThrow('about alice')
  })
  resolve()
  await later
  await tracing[Symbol.asyncDispose]()
  expect(collector.one('failing')).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'RangeError' } })
  expect(collector.partsOf(collector.one('request')).map(({ name }) => name)).toEqual(['failing'])
  expect(collector.one('later').parentSpanId).toBeUndefined()
  expect(collector.bodies.join()).not.toContain('alice')
})

test('headers that are none are told at the start', async () => {
  const config = `tracing: { endpoint: 'http://127.0.0.1:1/v1/traces', headers: a token }`
  await expect(startServer({ config })).rejects.toThrow('tracing.headers: lines such as "Name: value" expected')
})
