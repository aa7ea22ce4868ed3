/** Two devices that meet to log in by QR code. */
import { expect, test } from '@jest/globals'
import { MSC4108RendezvousSession } from 'matrix-js-sdk/lib/rendezvous/transports/MSC4108RendezvousSession.js'
import { FakeClock } from '../../platform/fake-clock.ts'
import { startServer } from '../../../test/support/server.ts'

const path = '/_matrix/client/unstable/org.matrix.msc4108/rendezvous'
const jsonPath = '/_matrix/client/unstable/io.element.msc4388/rendezvous'
const plain = { 'Content-Type': 'text/plain' }

test('one device leaves a message, the other reads and answers it, and neither overwrites the other unseen', async () => {
  const clock = new FakeClock()
  await using server = await startServer({ parts: { clock } })
  const client = server.client()
  const created = await client.request('POST', path, 'hello', plain)
  expect(created.status).toBe(201)
  expect(created.headers.get('expires')).toBe(new Date(clock.now() + 300_000).toUTCString())
  const point = (created.body['url'] as string).replace('https://hs.test', '')
  const etag = created.headers.get('etag') ?? ''
  const read = await client.request('GET', point)
  expect(read.body).toEqual({ text: 'hello' })
  expect(read.headers.get('content-type')).toBe('text/plain')
  expect(read.headers.get('access-control-expose-headers')).toContain('ETag')
  expect((await client.request('GET', point, undefined, { 'If-None-Match': etag })).status).toBe(304)

  expect((await client.request('PUT', point, 'no condition', plain)).status).toBe(400)
  const answered = await client.request('PUT', point, 'and hello back', { ...plain, 'If-Match': etag })
  expect(answered.status).toBe(202)
  const stale = await client.request('PUT', point, 'too late', { ...plain, 'If-Match': etag })
  expect([stale.status, stale.body['errcode']]).toEqual([412, 'M_CONCURRENT_WRITE'])
  expect((await client.request('GET', point, undefined, { 'If-None-Match': etag })).body).toEqual({
    text: 'and hello back',
  })

  expect((await client.request('DELETE', point)).status).toBe(204)
  expect((await client.request('GET', point)).status).toBe(404)
})

test('a rendezvous is short, small, and over after five minutes (T70)', async () => {
  const clock = new FakeClock()
  await using server = await startServer({ parts: { clock } })
  const client = server.client()
  expect((await client.request('POST', path, 'x'.repeat(4097), plain)).status).toBe(413)
  expect((await client.request('POST', path, '{}', { 'Content-Type': 'application/json' })).status).toBe(415)
  const first = ((await client.request('POST', path, '', plain)).body['url'] as string).replace('https://hs.test', '')
  expect((await client.request('GET', first)).status).toBe(200)
  for (let count = 0; count < 1000; count++) server.server.services.rendezvous.create('')
  expect((await client.request('GET', first)).status).toBe(404)
  const last = ((await client.request('POST', path, '', plain)).body['url'] as string).replace('https://hs.test', '')
  await clock.advance(300_000)
  expect((await client.request('GET', last)).status).toBe(404)
})

test('a rendezvous lasts as long as ever when the wall clock jumps', async () => {
  const clock = new FakeClock()
  await using server = await startServer({ parts: { clock } })
  const client = server.client()
  const point = ((await client.request('POST', path, '', plain)).body['url'] as string).replace('https://hs.test', '')
  clock.jump(3_600_000)
  expect((await client.request('GET', point)).status).toBe(200)
  clock.jump(-7_200_000)
  await clock.advance(300_000)
  expect((await client.request('GET', point)).status).toBe(404)
})

test('the newer dialect has tokens instead of ETags, and takes the same write twice', async () => {
  await using server = await startServer()
  const client = server.client()
  expect(await client.get(jsonPath)).toEqual({ create_available: true })
  const { id, sequence_token, expires_in_ms } = await client.post(jsonPath, { data: 'hello' })
  expect(expires_in_ms).toBeGreaterThan(290_000)
  const point = `${jsonPath}/${id as string}`
  expect(await client.get(point)).toMatchObject({ data: 'hello', sequence_token })
  const write = { sequence_token, data: 'and hello back' }
  const written = await client.put(point, write)
  expect(await client.put(point, write)).toEqual(written)
  expect(await client.refusal('PUT', point, { ...write, data: 'another' })).toEqual({
    status: 409,
    errcode: 'IO_ELEMENT_MSC4388_CONCURRENT_WRITE',
  })
  expect(await client.get(point)).toMatchObject({ data: 'and hello back', ...written })
  const asPage = await client.request('GET', point, undefined, { 'Sec-Fetch-Dest': 'document' })
  expect([asPage.status, asPage.body['errcode']]).toEqual([403, 'M_FORBIDDEN'])
  await client.ok('DELETE', point)
  expect(await client.refusal('GET', point)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
})

test('the channel of matrix-js-sdk goes through', async () => {
  await using server = await startServer()
  const here = (address: string) => address.replace('https://hs.test', server.url)
  const fetchFn: typeof fetch = async (address, options) => await fetch(here(address as string), options)
  const made = new MSC4108RendezvousSession({ fetchFn, fallbackRzServer: `https://hs.test${path}` })
  await made.send('from the new device')
  const { url } = made
  const scanned = new MSC4108RendezvousSession({ fetchFn, ...(url === undefined ? {} : { url }) })
  expect(await scanned.receive()).toBe('from the new device')
  await scanned.send('from the old device')
  expect(await made.receive()).toBe('from the old device')
  await made.close()
})
