import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { type Dialect, forEachDatabase } from '../../../test/support/databases.ts'
import { FakeSfu } from '../../../test/support/fake-sfu.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { sfuRoomOf } from './names.ts'

const HOUR = 3_600_000
const hosted = '/_matrix/client/unstable/io.element.msc4195/rtc/livekit/delegate_delayed_leave'

async function ask(server: TestServer, path: string, body: object) {
  const response = await fetch(`${server.url}/livekit/jwt${path}`, { method: 'POST', body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const memberPath = (client: Client, room: string): string =>
  `/rooms/${room}/state/org.matrix.msc3401.call.member/${encodeURIComponent(`_${client.userId}_${client.deviceId}_m.call`)}`

/** Is in a call, as others see it, and gives the id of the event by which that ends in an hour. */
async function enter(client: Client, room: string): Promise<string> {
  await client.put(memberPath(client, room), { application: 'm.call', device_id: client.deviceId })
  return String((await client.put(`${memberPath(client, room)}?org.matrix.msc4140.delay=${HOUR}`, {}))['delay_id'])
}

async function tokenRequest(client: Client, room: string, delayId: string) {
  const openid_token = await client.post(`/user/${client.userId}/openid/request_token`)
  return { room, openid_token, device_id: client.deviceId, delay_id: delayId, delay_timeout: HOUR }
}

/** Alice in a call, with a leave in an hour that she has left to the server. */
async function inCall(stack: AsyncDisposableStack, database: Dialect) {
  const clock = new FakeClock(Date.now())
  const sfu = stack.use(await FakeSfu.start())
  const server = stack.use(await startServer({ database, config: sfu.config, parts: { clock } }))
  const alice = await server.register('alice')
  const room = await alice.createRoom({ preset: 'public_chat' })
  const delayId = await enter(alice, room)
  const { status } = await ask(server, '/sfu/get', await tokenRequest(alice, room, delayId))
  if (status !== 200) throw new Error(`No token: ${status}`)
  const name = sfuRoomOf(room as `!${string}`, 'm.call#ROOM')
  const identity = `${alice.userId}:${alice.deviceId}`
  const { calls } = server.server.services
  let events = 0
  return {
    server,
    alice,
    room,
    delayId,
    /** By a webhook. */
    tell: async (event: string, sid: string, disconnectReason?: string): Promise<void> => {
      const participant = { sid, identity, ...(disconnectReason === undefined ? {} : { disconnectReason }) }
      await sfu.tell(server.url, { event, id: `EV_${++events}`, room: { name }, participant })
      await server.server.settle()
    },
    /** What a look at the SFU shows, where no webhook tells. */
    see: async (present: boolean): Promise<void> => {
      sfu.rooms.set(name, present ? [identity] : [])
      await calls?.look()
    },
    pass: async (ms: number): Promise<void> => {
      await clock.advance(ms)
      await calls?.leaves.tick()
    },
    isIn: async (): Promise<boolean> => Object.keys(await alice.get(memberPath(alice, room))).length > 0,
    waitsSince: async (): Promise<number> => {
      const path = '/_matrix/client/unstable/org.matrix.msc4140/delayed_events'
      const [event] = (await alice.get(path))['delayed_events'] as readonly { running_since: number }[]
      return event?.running_since ?? NaN
    },
  }
}

forEachDatabase(({ dialect }) => {
  test('rtc 22: who hangs up, or vanishes and does not come back, leaves at once, whatever the delay', async () => {
    for (const [reason, grace] of [
      ['CLIENT_INITIATED', 0],
      ['SIGNAL_CLOSE', 3_000],
    ] as const) {
      await using stack = new AsyncDisposableStack()
      const call = await inCall(stack, dialect)
      const before = await call.waitsSince()
      await call.pass(500)
      await call.tell('participant_joined', 'PA_1')
      expect(await call.waitsSince()).toBe(before + 500)
      expect(await call.isIn()).toBe(true)
      await call.tell('participant_left', 'PA_1', reason)
      if (grace > 0) expect(await call.isIn()).toBe(true) // eslint-disable-line jest/no-conditional-expect
      await call.pass(grace)
      expect(await call.isIn()).toBe(false)
    }
  })

  test('a leave is kept back as long as the SFU sees its owner', async () => {
    await using stack = new AsyncDisposableStack()
    const call = await inCall(stack, dialect)
    await call.see(true)
    const before = await call.waitsSince()
    await call.pass(0.8 * HOUR)
    expect(await call.waitsSince()).toBe(before + 0.8 * HOUR)
    expect(await call.isIn()).toBe(true)
  })

  test('rtc 23: where no webhook comes, a look at the SFU shows who is gone', async () => {
    await using stack = new AsyncDisposableStack()
    const call = await inCall(stack, dialect)
    await call.see(true)
    await call.pass(10_000)
    await call.see(false)
    expect(await call.isIn()).toBe(true)
    await call.pass(3_000)
    expect(await call.isIn()).toBe(false)
  })

  test('rtc 24: who comes back under the same name in time never left', async () => {
    await using stack = new AsyncDisposableStack()
    const call = await inCall(stack, dialect)
    await call.tell('participant_joined', 'PA_1')
    await call.tell('participant_left', 'PA_1', 'SIGNAL_CLOSE')
    await call.pass(1_000)
    await call.tell('participant_joined', 'PA_2')
    await call.pass(5_000)
    expect(await call.isIn()).toBe(true)
    // the connection before is told to have ended after the new one has begun
    await call.tell('participant_joined', 'PA_3')
    await call.tell('participant_left', 'PA_2', 'DUPLICATE_IDENTITY')
    await call.pass(5_000)
    expect(await call.isIn()).toBe(true)
  })

  test('rtc 25: only an event of the same user and room may be left to the server', async () => {
    await using stack = new AsyncDisposableStack()
    const { server, alice, room, delayId } = await inCall(stack, dialect)
    const bob = await server.register('bob')
    await bob.post(`/join/${room}`)
    const badJson = { status: 400, body: { errcode: 'M_BAD_JSON' } }
    expect(await ask(server, '/sfu/get', await tokenRequest(bob, room, delayId))).toMatchObject(badJson)
    expect(await ask(server, '/sfu/get', await tokenRequest(alice, room, 'made up'))).toMatchObject(badJson)
    const other = await alice.createRoom()
    expect(await ask(server, '/sfu/get', await tokenRequest(alice, other, delayId))).toMatchObject(badJson)

    const url = 'wss://sfu.test'
    const request = { url, room_id: room, slot_id: 'm.call#ROOM', member_id: 'm', delay_id: delayId }
    const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
    expect(await bob.refusal('POST', hosted, request)).toEqual(invalid)
    expect(await alice.refusal('POST', hosted, { ...request, url: 'wss://other.test' })).toEqual(invalid)
    expect(await alice.refusal('POST', hosted, { ...request, delay_id: undefined })).toEqual({
      status: 400,
      errcode: 'M_BAD_JSON',
    })
    expect(await alice.post(hosted, request)).toEqual({})
    expect(await server.client().refusal('POST', hosted, {})).toEqual({ status: 401, errcode: 'M_MISSING_TOKEN' })

    const { delay_id, delay_timeout, openid_token } = await tokenRequest(alice, room, delayId)
    const member = { id: 'm', claimed_user_id: alice.userId, claimed_device_id: alice.deviceId }
    const later = { room_id: room, slot_id: 'm.call#ROOM', openid_token, member, delay_id, delay_timeout }
    expect(await ask(server, '/delegate_delayed_leave', later)).toEqual({ status: 200, body: {} })
    for (const bad of [{ delay_timeout: 0 }, { delay_id: undefined, delay_timeout: undefined }]) {
      expect(await ask(server, '/delegate_delayed_leave', { ...later, ...bad })).toMatchObject(badJson)
    }
  })
})
