import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { type FederatedServer, Federation, startTwo } from '../../../test/support/federation.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const describeTls = hasOpenssl ? describe : describe.skip
const joinPath = (roomId: string): string => `/join/${encodeURIComponent(roomId)}?via=hs1.test`

/** What `look` finds, as soon as that is something: each server does its part in its own time. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
  }
}

async function bodiesOf(client: Client, roomId: string): Promise<unknown[]> {
  const { chunk } = await client.get(`/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`)
  const messages = (chunk as { type: string; content: { body: unknown } }[]).filter(
    ({ type }) => type === 'm.room.message',
  )
  return messages.map(({ content }) => content.body).toReversed()
}

describeTls('over TLS', () => {
  forEachDatabase(({ dialect, freshUrl }) => {
    test('messages, typing, receipts, presence and messages to devices reach people on another server', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await Promise.all([hs1.server.register('alice'), hs2.server.register('bob')])
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      await bob.post(joinPath(roomId))
      const path = `/rooms/${encodeURIComponent(roomId)}`
      let { next_batch: since } = await bob.sync()
      const seen = async (look: (sync: Json) => boolean): Promise<void> =>
        // eslint-disable-line -- answers are looked into freely
        eventually(async () => {
          const sync = await bob.sync({ since, timeout: 1_000 })
          since = sync['next_batch']
          return look(sync) || undefined
        }).then(() => undefined)
      const ephemeral = (sync: Json): string => JSON.stringify(sync['rooms']?.join[roomId]?.ephemeral ?? {})

      await alice.put(`${path}/typing/${alice.userId}`, { typing: true })
      await seen((sync) => ephemeral(sync).includes(`"user_ids":["${alice.userId}"]`))
      const eventId = await alice.send(roomId, 'hello')
      await seen((sync) => JSON.stringify(sync['rooms'] ?? {}).includes(eventId))
      await alice.post(`${path}/receipt/m.read/${eventId}`)
      await seen((sync) => ephemeral(sync).includes(eventId))
      await alice.put('/sendToDevice/m.test/one', { messages: { [bob.userId]: { '*': { n: 1 } } } })
      await seen((sync) => sync['to_device']?.events[0]?.content.n === 1)
    })

    test('what was said while a server was away arrives in order and once, though the sender was restarted meanwhile', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const start = async (name: string, url: string, seed: Buffer): Promise<FederatedServer> =>
        federation.start(name, {
          config: `database: { url: '${url}' }`,
          parts: { signingKeys: [signingKeyFromSeed('test', seed)] },
        })
      const [url1, url2, seed1, seed2] = [await freshUrl(), await freshUrl(), randomBytes(32), randomBytes(32)]
      const [hs1, hs2] = [await start('hs1.test', url1, seed1), await start('hs2.test', url2, seed2)]
      const [alice, bob] = [await hs1.server.register('alice'), await hs2.server.register('bob')]
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      await bob.post(joinPath(roomId))
      await hs2.server[Symbol.asyncDispose]()

      const bodies = Array.from({ length: 20 }, (_, n) => `message ${n}`)
      for (const body of bodies) await alice.send(roomId, body)
      await alice.put('/sendToDevice/m.test/one', { messages: { [bob.userId]: { '*': { n: 1 } } } })
      await hs1.server[Symbol.asyncDispose]()
      const sender = await start('hs1.test', url1, seed1)
      const back = await start('hs2.test', url2, seed2)

      const bobAgain = Object.assign(back.server.client(), {
        token: bob.token,
        userId: bob.userId,
        deviceId: bob.deviceId,
      })
      const read = await eventually(async () => {
        sender.services.federationSender.retry('hs2.test')
        const found = await bodiesOf(bobAgain, roomId)
        return found.length >= bodies.length ? found : undefined
      })
      expect(read).toEqual(bodies)
      const { to_device: toDevice } = await eventually(async () => {
        const sync = await bobAgain.sync()
        return sync['to_device'] ? sync : undefined
      })
      expect(toDevice.events).toHaveLength(1)
    })
  })
})
