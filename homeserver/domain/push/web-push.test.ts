import { createECDH } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { type Dialect, forEachDatabase } from '../../../test/support/databases.ts'
import { Federation } from '../../../test/support/federation.ts'
import { PushService } from '../../../test/support/push-service.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { encryptWebPush, isBrowserKey, maxWebPushBytes } from './web-push-encryption.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const bytes = (text: string): Buffer => Buffer.from(text, 'base64url')
const ack = '/_matrix/client/unstable/org.matrix.msc4174/pushers/ack'

interface World extends AsyncDisposable {
  readonly server: TestServer
  readonly browser: PushService
  readonly alice: Client
  readonly bob: Client
  readonly roomId: string
}

/** Alice, who has a browser, and Bob in a room. */
async function open(database: Dialect, clock?: FakeClock): Promise<World> {
  const federation = await Federation.make('hs1.test')
  const browser = await PushService.start(federation.tls)
  federation.closeAfter(browser)
  const { server } = await federation.start('hs1.test', { database, parts: clock ? { clock } : {} })
  const [alice, bob] = [await server.register('alice'), await server.register('bob')]
  const roomId = await bob.createRoom({ preset: 'public_chat' })
  await alice.post(`/rooms/${encodeURIComponent(roomId)}/join`)
  return { server, browser, alice, bob, roomId, [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose]() }
}

/** Sets the pusher and says what the browser was sent. */
async function subscribe({ alice, browser }: World, more: Json = {}): Promise<void> {
  const answer = await alice.request('POST', '/pushers/set', { ...browser.pusher, ...more })
  expect([answer.status, answer.body]).toEqual([201, {}])
  const { says } = await browser.message(browser.messages.length)
  expect(says).toEqual({ app_id: 'org.example.web', ack_token: expect.any(String) })
  expect(await alice.post(ack, says)).toEqual({})
}

const listed = async (client: Client): Promise<Json[]> => (await client.get('/pushers'))['pushers'] as Json[]

test('a message is encrypted as the example of RFC 8291 is', () => {
  const ours = createECDH('prime256v1')
  ours.setPrivateKey(bytes('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw'))
  const publicKey = bytes('BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4')
  const browser = { publicKey, auth: bytes('BTBZMqHH6r4Tts7J_aSIgg') }
  const message = Buffer.from('When I grow up, I want to be a watermelon')
  expect(encryptWebPush(message, browser, { ours, salt: bytes('DGv6ra1nlYgDCS1FRnbzlw') })).toEqual(
    bytes(
      'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_' +
        'yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
    ),
  )
  expect(encryptWebPush(Buffer.alloc(maxWebPushBytes), browser)).toHaveLength(4096)
  const offCurve = Buffer.from(publicKey)
  offCurve.writeUInt8(1, 64)
  expect([publicKey, offCurve, publicKey.subarray(1), Buffer.alloc(65, 4)].map(isBrowserKey)).toEqual([
    true,
    false,
    false,
    false,
  ])
})

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('a browser is told of messages, after it has shown that it hears, and nobody on the way can read them', async () => {
      await using world = await open(dialect)
      const { server, browser, alice, bob, roomId } = world
      const { capabilities } = await alice.get('/capabilities')
      const { enabled, vapid } = capabilities['org.matrix.msc4174.webpush']
      expect([enabled, bytes(vapid as string)[0], bytes(vapid as string).length]).toEqual([true, 4, 65])
      expect((await stat(`${server.dataDir}/secrets/vapid_key`)).mode & 0o777).toBe(0o600)

      await subscribe(world)
      expect(await listed(alice)).toMatchObject([
        { kind: 'org.matrix.msc4174.webpush', data: { activated: true, auth: browser.auth } },
      ])
      const eventId = await bob.send(roomId, 'good morning')
      const { headers, claims, says } = await browser.message(1)
      expect(says).toMatchObject({
        event_id: eventId,
        room_id: roomId,
        type: 'm.room.message',
        sender: bob.userId,
        content: { body: 'good morning' },
        counts: { unread: 1 },
      })
      expect(says).not.toHaveProperty('devices')
      expect(headers).toMatchObject({ 'content-encoding': 'aes128gcm', ttl: '86400', urgency: 'high' })
      expect(claims).toMatchObject({ aud: browser.origin, sub: 'https://hs1.test', key: vapid })
      expect(claims['exp'] - Date.now() / 1000).toBeLessThan(86_400)
      const [greeting] = browser.messages
      expect(greeting?.claims).toEqual(claims)
    })

    test('nothing is told to a browser that has not shown that it hears, nor again before it shows it after a change', async () => {
      const clock = new FakeClock(Date.now())
      await using world = await open(dialect, clock)
      const { browser, alice, bob, roomId } = world
      const status = async (more: Json = {}): Promise<number> =>
        (await alice.request('POST', '/pushers/set', { ...browser.pusher, ...more })).status
      const answer = async (body: Json) => {
        const { status: code, body: told } = await alice.request('POST', '/pushers/ack', body)
        return [code, told['errcode']]
      }
      const appId = { app_id: 'org.example.web' }
      expect(await answer({ ...appId, ack_token: 'x' })).toEqual([404, 'M_NOT_FOUND'])
      expect(await status()).toBe(201)
      const { says: first } = await browser.message(0)
      await bob.send(roomId, 'nobody hears')
      expect(await listed(alice)).toMatchObject([{ data: { activated: false } }])
      expect(await answer({ ...appId, ack_token: 'x' })).toEqual([400, 'M_UNKNOWN_ACTIVATION_TOKEN'])
      await clock.advance(301_000)
      expect(await answer(first)).toEqual([410, 'M_EXPIRED_ACTIVATION_TOKEN'])

      expect(await status()).toBe(201)
      const { says: second } = await browser.message(1)
      expect(await answer(first)).toEqual([400, 'M_UNKNOWN_ACTIVATION_TOKEN'])
      expect(await answer(second)).toEqual([200, undefined])
      expect(await answer(second)).toEqual([400, 'M_UNKNOWN_ACTIVATION_TOKEN'])
      expect(await status({ lang: 'de' })).toBe(200)
      const heard = await bob.send(roomId, 'heard')
      expect((await browser.message(2)).says).toMatchObject({ event_id: heard })

      const { data } = browser.pusher
      expect(await status({ data: { ...data, url: `${browser.origin}/elsewhere` } })).toBe(201)
      expect((await browser.message(3)).says).toHaveProperty('ack_token')
      expect(await listed(alice)).toMatchObject([{ data: { activated: false } }])
    })

    test('as much is told as fits, and what the app wants to have with it', async () => {
      await using world = await open(dialect)
      const { browser, bob, roomId, alice } = world
      const { data } = browser.pusher
      await subscribe(world, { data: { ...data, default_payload: { session: 'one' } } })
      const eventId = await bob.send(roomId, 'x'.repeat(5_000))
      const { says } = await browser.message(1)
      expect(says).toMatchObject({ session: 'one', event_id: eventId, sender: bob.userId })
      expect(says).not.toHaveProperty('content')

      await subscribe(world, {
        data: { ...data, auth: browser.auth, url: `${browser.origin}/2`, format: 'event_id_only' },
      })
      const second = await bob.send(roomId, 'short')
      const { says: brief } = await browser.message(3)
      expect(brief).toEqual({ event_id: second, room_id: roomId, prio: 'high', counts: { unread: 2 } })
      await alice.post('/pushers/set', { kind: null, app_id: 'org.example.web', pushkey: browser.pushkey })
    })

    test('a subscription that the push service does not know any more is forgotten', async () => {
      await using world = await open(dialect)
      const { browser, alice, bob, roomId } = world
      await subscribe(world)
      browser.status = 410
      await bob.send(roomId, 'into the void')
      await browser.message(1)
      while ((await listed(alice)).length > 0);
    })
  })
})

test('T83: what is no subscription of a browser is refused, and private addresses are not dialled', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const keys = createECDH('prime256v1')
  const pushkey = keys.generateKeys().toString('base64url')
  const auth = Buffer.alloc(16, 1).toString('base64url')
  const data = { url: 'https://127.0.0.1:1/subscription', auth }
  const names = { app_id: 'a', app_display_name: 'a', device_display_name: 'b', lang: 'en' }
  const pusher = { kind: 'org.matrix.msc4174.webpush', pushkey, data, ...names }
  for (const wrong of [
    { pushkey: 'key' },
    { pushkey: Buffer.alloc(65, 4).toString('base64url') },
    { data: { ...data, auth: undefined } },
    { data: { ...data, auth: 'short' } },
    { data: { ...data, url: 'http://push.example/' } },
    { data: { ...data, url: 'https://a:b@push.example/' } },
    { app_id: 'm.email' },
  ]) {
    const answer = await alice.refusal('POST', '/pushers/set', { ...pusher, ...wrong })
    expect({ wrong, ...answer }).toEqual({ wrong, status: 400, errcode: 'M_INVALID_PARAM' })
  }
  expect((await alice.request('POST', '/pushers/set', pusher)).status).toBe(201)
  await server.server.settle()
  expect(server.server.services.metrics.text()).toContain('push_requests_total{result="failed"} 1')
})
