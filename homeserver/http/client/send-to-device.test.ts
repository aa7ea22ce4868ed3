import { expect, test } from '@jest/globals'
import type { UserId } from '../../core/ids.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'

/** What waits for the device of a client. */
async function waiting({ server }: TestServer, { userId, deviceId }: Client): Promise<Record<string, unknown>[]> {
  const range = { after: 0, upto: Number.MAX_SAFE_INTEGER, limit: 100 }
  const messages = await server.services.toDevice.list(userId as UserId, deviceId, range)
  return messages.map(({ event }) => JSON.parse(event) as Record<string, unknown>)
}

function send(client: Client, txnId: string, messages: object): Promise<unknown> {
  return client.put(`/sendToDevice/m.test/${txnId}`, { messages })
}

forEachDatabase(({ dialect: database }) => {
  test('a message reaches its devices in order, and only those that exist', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await send(alice, '1', { [bob.userId]: { [bob.deviceId]: { n: 1 }, UNKNOWN: { n: 1 } }, 'no user': { A: {} } })
    await send(alice, '2', { [bob.userId]: { [bob.deviceId]: { n: 2 } }, '@nobody:hs.test': { '*': {} } })
    expect(await waiting(server, bob)).toEqual([
      { type: 'm.test', sender: alice.userId, content: { n: 1 } },
      { type: 'm.test', sender: alice.userId, content: { n: 2 } },
    ])
    expect(await waiting(server, alice)).toEqual([])
  })

  test('a star stands for all devices of a user', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const second = await server.client().login('bob', 'password of bob')
    await send(alice, '1', { [bob.userId]: { '*': { to: 'all' }, [bob.deviceId]: { to: 'first' } } })
    expect((await waiting(server, bob)).map(({ content }) => content)).toEqual([{ to: 'first' }])
    expect((await waiting(server, second)).map(({ content }) => content)).toEqual([{ to: 'all' }])
  })

  test('a request that comes again sends nothing, also at the same time; that of another session does', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const messages = { [bob.userId]: { [bob.deviceId]: {} } }
    await Promise.all(Array.from({ length: 10 }, () => send(alice, 'same', messages)))
    expect(await waiting(server, bob)).toHaveLength(1)
    await send(await server.client().login('alice', 'password of alice'), 'same', messages)
    expect(await waiting(server, bob)).toHaveLength(2)
    await alice.put('/sendToDevice/m.other/same', { messages })
    expect(await waiting(server, bob)).toHaveLength(3)
  })

  test('messages stay until the device has acknowledged them, and their ids are never given out again', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const { toDevice } = server.server.services
    const bobId = bob.userId as UserId
    const list = () => toDevice.list(bobId, bob.deviceId, { after: 0, upto: 1000, limit: 2 })
    for (const txnId of ['1', '2', '3']) await send(alice, txnId, { [bob.userId]: { [bob.deviceId]: { txnId } } })
    const [first, second] = await list()
    expect(await list()).toHaveLength(2)
    await toDevice.acknowledge(bobId, bob.deviceId, second?.streamId ?? 0)
    const [third, ...none] = await list()
    expect(none).toEqual([])
    expect(third?.event).toContain('"txnId":"3"')
    await toDevice.acknowledge(bobId, bob.deviceId, first?.streamId ?? 0)
    await toDevice.acknowledge(bobId, bob.deviceId, third?.streamId ?? 0)
    expect(await list()).toEqual([])
    await send(alice, '4', { [bob.userId]: { [bob.deviceId]: {} } })
    expect((await list())[0]?.streamId).toBeGreaterThan(third?.streamId ?? 0)
  })

  test('many send and many acknowledge at the same time', async () => {
    await using server = await startServer({ database })
    const { toDevice } = server.server.services
    const alice = await server.register('alice')
    const devices = await Promise.all(
      Array.from({ length: 20 }, () => server.client().login('alice', 'password of alice')),
    )
    await Promise.all(devices.map((device, n) => send(device, String(n), { [alice.userId]: { '*': { n } } })))
    const numbers = (await waiting(server, alice)).map(({ content }) => (content as { n: number }).n)
    expect(numbers.sort((a, b) => a - b)).toEqual(devices.map((_, n) => n))
    const upto = 21 * 20 // each of them to all devices
    await Promise.all(devices.map(({ deviceId }) => toDevice.acknowledge(alice.userId as UserId, deviceId, upto)))
    for (const device of devices) expect(await waiting(server, device)).toEqual([])
  })

  test('rtc 33: the keys of a great call are not held back by limits, and come to whoever waits', async () => {
    await using server = await startServer({ database, config: 'limits: { preset: normal }' })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    let { next_batch: since } = await bob.sync()
    const numbers = Array.from({ length: 100 }, (_, n) => n)
    const got = new Set<number>()
    const hear = async (): Promise<void> => {
      while (got.size < numbers.length) {
        const answer = await bob.sync({ since: String(since), timeout: 30_000 })
        for (const { content } of answer['to_device']?.events ?? []) got.add(content.n)
        since = answer['next_batch']
      }
    }
    await Promise.all([hear(), ...numbers.map((n) => send(alice, `${n}`, { [bob.userId]: { [bob.deviceId]: { n } } }))])
    expect(got).toEqual(new Set(numbers))
  })

  test('messages go with their device', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await send(alice, '1', { [bob.userId]: { [bob.deviceId]: {} } })
    await bob.post('/logout')
    expect(await waiting(server, bob)).toEqual([])
  })
})

test('malformed and large messages are refused', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const refusal = (messages: unknown) => alice.refusal('PUT', '/sendToDevice/m.test/1', { messages })
  expect((await refusal(undefined)).errcode).toBe('M_MISSING_PARAM')
  expect((await refusal({ [alice.userId]: [] })).errcode).toBe('M_BAD_JSON')
  expect((await refusal({ [alice.userId]: { [alice.deviceId]: 'text' } })).errcode).toBe('M_BAD_JSON')
  const large = { [alice.userId]: { [alice.deviceId]: { text: 'x'.repeat(65_536) } } }
  expect(await refusal(large)).toEqual({ status: 413, errcode: 'M_TOO_LARGE' })
  expect(await waiting(server, alice)).toEqual([])
})
