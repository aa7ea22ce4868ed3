import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase, freshDatabaseUrl } from '../../../test/support/databases.ts'
import { signedBy, TestCrossSigning, TestDevice } from '../../../test/support/encryption.ts'
import { Federation } from '../../../test/support/federation.ts'
import type { JsonObject } from '../../core/event.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'

const describeTls = hasOpenssl ? describe : describe.skip
const config = 'federation: { mode: open, device_names: true }'

/** A client that watches whose devices and keys change. */
class Watcher {
  readonly #client: Client
  #since = ''

  constructor(client: Client) {
    this.#client = client
  }

  async begin(): Promise<void> {
    this.#since = (await this.#client.sync())['next_batch'] as string
  }

  /** Resolves when the lists of `kind` name the user. */
  async sees(kind: 'changed' | 'left', userId: string): Promise<void> {
    for (let tries = 0; tries < 20; tries++) {
      const answer = await this.#client.sync({ since: this.#since, timeout: 10_000 })
      this.#since = answer['next_batch'] as string
      if (answer['device_lists']?.[kind]?.includes(userId) === true) return
    }
    throw new Error(`${userId} is not among ${kind}`)
  }
}

async function keysOf(asking: Client, { userId }: Client): Promise<{ devices: JsonObject; all: JsonObject }> {
  const all = await asking.post('/keys/query', { device_keys: { [userId]: [] } })
  return { devices: (all['device_keys'] as Record<string, JsonObject>)[userId] ?? {}, all }
}

async function publish(client: Client): Promise<TestDevice> {
  const device = new TestDevice(client)
  await client.post('/keys/upload', { device_keys: device.deviceKeys })
  return device
}

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('devices that are added, renamed, signed and removed elsewhere are seen in the sync of who shares a room', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const hs1 = await federation.start('hs1.test', { database: dialect, config })
      const hs2 = await federation.start('hs2.test', { database: dialect, config })
      const [alice, bob] = [await hs1.server.register('alice'), await hs2.server.register('bob')]
      const room = await alice.createRoom({ preset: 'public_chat' })
      const watcher = new Watcher(bob)
      await watcher.begin()
      await bob.post(`/join/${encodeURIComponent(room)}?via=hs1.test`)
      await watcher.sees('changed', alice.userId)

      const device = await publish(alice)
      await watcher.sees('changed', alice.userId)
      expect((await keysOf(bob, alice)).devices).toEqual({ [alice.deviceId]: device.deviceKeys })

      await alice.put(`/devices/${alice.deviceId}`, { display_name: 'Telephone' })
      await watcher.sees('changed', alice.userId)
      const named = { ...device.deviceKeys, unsigned: { device_display_name: 'Telephone' } }
      expect((await keysOf(bob, alice)).devices).toEqual({ [alice.deviceId]: named })

      const signing = new TestCrossSigning(alice)
      const { master_key, self_signing_key, user_signing_key } = signing.upload()
      await alice.post('/keys/device_signing/upload', { master_key, self_signing_key, user_signing_key })
      await watcher.sees('changed', alice.userId)
      expect((await keysOf(bob, alice)).all).toMatchObject({
        master_keys: { [alice.userId]: master_key },
        self_signing_keys: { [alice.userId]: self_signing_key },
        user_signing_keys: {},
      })

      const signed = signedBy(alice.userId, signing.selfSigning, device.deviceKeys)
      await alice.post('/keys/signatures/upload', { [alice.userId]: { [alice.deviceId]: signed } })
      await watcher.sees('changed', alice.userId)
      expect((await keysOf(bob, alice)).devices).toMatchObject({ [alice.deviceId]: signed })

      const tablet = await hs1.server.client().login('alice', 'password of alice')
      await publish(tablet)
      await watcher.sees('changed', alice.userId)
      expect(Object.keys((await keysOf(bob, alice)).devices)).toHaveLength(2)
      await tablet.post('/logout')
      await watcher.sees('changed', alice.userId)
      expect(Object.keys((await keysOf(bob, alice)).devices)).toEqual([alice.deviceId])

      await alice.post(`/rooms/${encodeURIComponent(room)}/leave`)
      await watcher.sees('left', alice.userId)
    })

    test('a server that was away learns what changed meanwhile, and asks for what it missed', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const hs1 = await federation.start('hs1.test', { database: dialect, config })
      const url = await freshDatabaseUrl(dialect)
      const signingKeys = [signingKeyFromSeed('k', randomBytes(32))] as const
      const start = () =>
        federation.start('hs2.test', { config: [config, `database: { url: '${url}' }`], parts: { signingKeys } })
      const before = await start()
      const [alice, bob] = [await hs1.server.register('alice'), await before.server.register('bob')]
      const first = await publish(alice)
      const room = await alice.createRoom({ preset: 'public_chat' })
      await bob.post(`/join/${encodeURIComponent(room)}?via=hs1.test`)
      expect((await keysOf(bob, alice)).devices).toEqual({ [alice.deviceId]: first.deviceKeys })
      const { next_batch: since } = await bob.sync()
      await before.server.server.stop()

      const second = await hs1.server.client().login('alice', 'password of alice')
      const third = await hs1.server.client().login('alice', 'password of alice')
      const devices = [first, await publish(second), await publish(third)]
      await second.put(`/devices/${second.deviceId}`, { display_name: 'Tablet' })
      await third.post('/logout')
      await alice.send(room, 'Are you there?')

      const after = await start()
      const again = await after.server.client().login('bob', 'password of bob')
      const watcher = new Watcher(again)
      await watcher.begin()
      // Any news brings the other server back; it need not wait for its own patience to end.
      await again.send(room, 'I am back')
      while (Object.keys((await keysOf(again, alice)).devices).length !== 2) await watcher.sees('changed', alice.userId)
      expect(since).toBeDefined()
      const names = devices.slice(0, 2).map(({ deviceId }) => deviceId)
      expect(Object.keys((await keysOf(again, alice)).devices).toSorted()).toEqual(names.toSorted())
    }, 60_000)
  })
})
