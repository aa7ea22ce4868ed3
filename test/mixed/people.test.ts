/** People on Synapse and on a server of ours, beside the rooms they share: signs of life, devices, keys, media. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { TestCrossSigning, TestDevice } from '../support/encryption.ts'
import { download } from '../support/media-files.ts'
import { missingPrograms } from '../support/mixed.ts'
import type { Watcher } from '../support/watcher.ts'
import { type Direction, directions, enter, inRoom, TwoSides, whyNot } from './two-sides.ts'

const describeMixed = missingPrograms.length === 0 ? describe : describe.skip

const SOON_MS = 1_000

async function publish({ client }: Watcher): Promise<TestDevice> {
  const device = new TestDevice(client)
  const oneTime = device.oneTimeKeys(['AAAA', 'AAAB'])
  await client.post('/keys/upload', { device_keys: device.deviceKeys, one_time_keys: oneTime })
  return device
}

/** Resolves when the keys of that user are what is expected; asks again whenever it is told that they have changed. */
async function knows(watcher: Watcher, userId: string, expected: object): Promise<void> {
  for (;;) {
    watcher.changed.delete(userId)
    const keys = await watcher.client.post('/keys/query', { device_keys: { [userId]: [] } })
    if (matches(keys, expected)) return
    await watcher.until(({ changed }) => changed.has(userId))
  }
}

/** Signs of life may get lost on the way, and nobody repeats them; so it is done until it is seen. */
async function again(
  watcher: Watcher,
  { act, seen }: { readonly act: () => Promise<unknown>; readonly seen: (watcher: Watcher) => boolean },
): Promise<void> {
  while (!seen(watcher)) {
    await act()
    await watcher.sync(SOON_MS)
  }
}

function isReadBy(content: Readonly<Record<string, Readonly<Record<string, object>>>>, userId: string): boolean {
  return Object.values(content).some((receipts) => userId in (receipts['m.read'] ?? {}))
}

/** Whether everything expected is there. */
function matches(found: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return found === expected
  if (typeof found !== 'object' || found === null) return false
  const there = found as Readonly<Record<string, unknown>>
  return Object.entries(expected).every(([key, value]) => matches(there[key], value))
}

describeMixed(`people beside those of Synapse${whyNot}`, () => {
  let sides: TwoSides
  beforeAll(async () => {
    sides = await TwoSides.start()
  })
  afterAll(async () => {
    await sides[Symbol.asyncDispose]()
  })

  /** Alice on the server that hosts their room, bob on the other. */
  async function pair(direction: Direction): Promise<{ alice: Watcher; bob: Watcher; roomId: string }> {
    const { host, guest } = sides.of(direction)
    const [alice, bob] = [await sides.person(host), await sides.person(guest)]
    const roomId = await alice.client.createRoom({ preset: 'public_chat' })
    await enter(bob.client, roomId, host)
    await alice.seesMember(roomId, bob.client.userId, 'join')
    return { alice, bob, roomId }
  }

  describe.each(directions)('%s', (direction) => {
    test('typing, receipts and presence are seen', async () => {
      const { alice, bob, roomId } = await pair(direction)
      for (const [one, other] of [
        [alice, bob],
        [bob, alice],
      ] as const) {
        const { userId } = one.client
        await again(other, {
          async act() {
            for (const typing of [false, true]) await one.client.put(inRoom(roomId, `typing/${userId}`), { typing })
          },
          seen: ({ ephemeral }) =>
            ephemeral.some(({ type, content }) => type === 'm.typing' && content.user_ids.includes(userId)),
        })
        await again(other, {
          async act() {
            const eventId = await other.client.send(roomId, 'read me')
            await one.sees(eventId)
            await one.client.post(inRoom(roomId, `receipt/m.read/${eventId}`))
          },
          seen: ({ ephemeral }) =>
            ephemeral.some(({ type, content }) => type === 'm.receipt' && isReadBy(content, userId)),
        })
        let times = 0
        await again(other, {
          async act() {
            const status = { presence: 'online', status_msg: `about ${++times}` }
            await one.client.put(`/presence/${userId}/status`, status)
          },
          seen: ({ presence }) =>
            presence.some(
              ({ sender, content }) => sender === userId && content.status_msg?.startsWith('about ') === true,
            ),
        })
      }
    })

    test('names are asked for, and follow into the room', async () => {
      const { alice, bob, roomId } = await pair(direction)
      await bob.client.put(`/profile/${bob.client.userId}/displayname`, { displayname: 'Bob the Guest' })
      await alice.until(({ events }) =>
        [...events.values()].some(
          (event) => event['room_id'] === roomId && event['content'].displayname === 'Bob the Guest',
        ),
      )
      const profile = `/profile/${encodeURIComponent(bob.client.userId)}`
      expect(await alice.client.get(profile)).toMatchObject({ displayname: 'Bob the Guest' })
      expect(await bob.client.refusal('GET', `/profile/@nobody:${sides.of(direction).host.name}`)).toMatchObject({
        status: 404,
      })
    })

    test('devices, keys for one time, cross-signing and messages to devices get through', async () => {
      const { alice, bob } = await pair(direction)
      const [hers, his] = [await publish(alice), await publish(bob)]
      for (const [one, other, device] of [
        [alice, bob, his],
        [bob, alice, hers],
      ] as const) {
        const { userId, deviceId } = other.client
        await knows(one, userId, { device_keys: { [userId]: { [deviceId]: device.deviceKeys } } })

        const claim = { one_time_keys: { [userId]: { [deviceId]: 'signed_curve25519' } } }
        const { one_time_keys: claimed } = await one.client.post('/keys/claim', claim)
        expect(Object.keys(claimed[userId][deviceId])).toEqual([expect.stringMatching(/^signed_curve25519:AAA[AB]$/)])

        const cross = new TestCrossSigning(other.client).upload()
        const password = `password of ${userId.slice(1, userId.indexOf(':'))}`
        const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: userId }, password }
        await other.client.post('/keys/device_signing/upload', { ...cross, auth })
        await knows(one, userId, {
          master_keys: { [userId]: { keys: cross.master_key['keys'] } },
          self_signing_keys: { [userId]: { keys: cross.self_signing_key['keys'] } },
        })

        await one.client.put(`/sendToDevice/m.test/${deviceId}`, { messages: { [userId]: { [deviceId]: { n: 1 } } } })
        expect(await other.until(({ toDevice }) => toDevice.at(-1))).toMatchObject({
          type: 'm.test',
          sender: one.client.userId,
          content: { n: 1 },
        })
      }
    })

    test('media is fetched', async () => {
      const { host, guest } = sides.of(direction)
      const [alice, bob] = [await sides.person(host), await sides.person(guest)]
      const bytes = Buffer.from('%PDF-1.4 not really')
      const uploaded = await alice.client.request('POST', '/_matrix/media/v3/upload?filename=it.pdf', bytes, {
        'Content-Type': 'application/pdf',
      })
      const uri = String(uploaded.body['content_uri']).slice('mxc://'.length)
      const found = await download(bob.client, `/_matrix/client/v1/media/download/${uri}`)
      expect([found.status, found.headers.get('content-type'), found.bytes]).toEqual([200, 'application/pdf', bytes])
      expect(found.headers.get('content-disposition')).toMatch(/it\.pdf/)
    })
  })
})
