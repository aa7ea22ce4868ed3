import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startBeside } from '../../../test/support/hostile-server.ts'
import type { JsonObject, Pdu } from '../../core/event.ts'
import { signEvent, type SigningKey, signingKeyFromSeed } from '../../core/signing.ts'

const describeTls = hasOpenssl ? describe : describe.skip
const keyId = 'ed25519:policy_server'
const keyOfRoom: SigningKey = signingKeyFromSeed('policy_server', Buffer.alloc(32, 5))
const otherKey: SigningKey = signingKeyFromSeed('policy_server', Buffer.alloc(32, 6))

const specified = { type: 'm.room.policy', keys: { public_keys: { ed25519: keyOfRoom.publicKey } } }

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    /** Alice in a room with a policy server, which dislikes spam. */
    async function policed({ type, keys }: { type: string; keys: JsonObject } = specified) {
      const { federation, ours, evil } = await startBeside({ database: dialect })
      const alice = await ours.server.register('alice')
      const room = evil.room()
      const policy = { type, sender: room.creator, stateKey: '', content: { ...keys, via: evil.name } }
      room.add(policy)
      await evil.letIn(room, alice)
      let key = keyOfRoom
      const signed = (pdu: Pdu): Pdu => signEvent(pdu, room.version, { serverName: evil.name, key })
      evil.on(/^\/_matrix\/policy\/v1\/sign$/, ({ body }) => {
        if (/spam/.test(JSON.stringify(body['content']))) return undefined
        return { [evil.name]: { [keyId]: signed(body as Pdu).signatures?.[evil.name]?.[keyId] ?? '' } }
      })
      const { roomInbox, events } = ours.server.server.services
      return {
        federation,
        alice,
        room,
        policy,
        signed,
        asked: () => evil.asked(/policy/),
        use: (other: SigningKey) => void (key = other),
        pour: async (...pdus: readonly JsonObject[]) => {
          await evil.send(ours, { pdus })
          await roomInbox.settle()
        },
        signatures: async (eventId: string) =>
          (await events.find(eventId as `$${string}`))?.pdu.signatures?.['evil.test'],
        seen: async () => {
          const { chunk } = await alice.get(`/rooms/${encodeURIComponent(room.roomId)}/messages?dir=b&limit=50`)
          return (chunk as { content: JsonObject }[]).flatMap(({ content: { body } }) => body ?? []).toReversed()
        },
      }
    }

    test('what our users say in a room with a policy server has its signature, or is not said', async () => {
      const { federation, alice, room, use, seen, signatures, asked } = await policed()
      await using _ = federation
      const sent = await Promise.all(['one', 'two'].map((body) => alice.send(room.roomId, body)))
      for (const id of sent) expect(await signatures(id)).toEqual({ [keyId]: expect.any(String) })
      const path = `/rooms/${encodeURIComponent(room.roomId)}/send/m.room.message`
      expect(await alice.refusal('PUT', `${path}/1`, { body: 'spam' })).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
      use(otherKey)
      expect(await alice.refusal('PUT', `${path}/2`, { body: 'x' })).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
      expect(new Set(await seen())).toEqual(new Set(['one', 'two']))
      expect(asked()).toBe(4)
    })

    test('what others say without the signature is shown only if the policy server gives it after all', async () => {
      const { federation, room, policy, signed, pour, seen, signatures, asked } = await policed()
      await using _ = federation
      const good = room.say('good')
      await pour(good.pdu)
      expect(await signatures(good.eventId)).toHaveProperty([keyId])
      const ready = room.say('signed before')
      await pour(signed(ready.pdu))
      await pour(room.say('spam').pdu)
      expect(await seen()).toEqual(['good', 'signed before'])
      expect(asked()).toBe(2)

      // Without a policy that says whom to ask nobody is asked, nor about that policy.
      await pour(room.add({ ...policy, content: {} }).pdu, room.say('spam again').pdu)
      expect(await seen()).toEqual(['good', 'signed before', 'spam again'])
      expect(asked()).toBe(2)
    })

    test('a room may say it as it was said before it was specified', async () => {
      const { federation, alice, room, signatures, asked } = await policed({
        type: 'org.matrix.msc4284.policy',
        keys: { public_key: keyOfRoom.publicKey },
      })
      await using _ = federation
      expect(await signatures(await alice.send(room.roomId, 'one'))).toEqual({ [keyId]: expect.any(String) })
      expect(asked()).toBe(1)
    })

    test('a server that has nobody in the room cannot be made its policy server', async () => {
      const { federation, alice, room, policy, pour, asked, seen } = await policed()
      await using _ = federation
      await pour(room.add({ ...policy, content: { ...policy.content, via: 'far.test' } }).pdu)
      await alice.send(room.roomId, 'spam')
      expect(await seen()).toEqual(['spam'])
      expect(asked()).toBe(0)
    })
  })
})
