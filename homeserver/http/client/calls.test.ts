import { expect, test } from '@jest/globals'
import { registerAdmin } from '../../../test/support/admin.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { FakeSfu } from '../../../test/support/fake-sfu.ts'
import { askToken } from '../../../test/support/livekit.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { plainIdentityOf, ROOM_SLOT, sfuRoomOf } from '../../domain/rtc/names.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const memberType = 'org.matrix.msc3401.call.member'
const stickyType = 'org.matrix.msc4143.rtc.member'
const path = '/_domovoi/client/v1/calls'
const adminPath = '/_domovoi/admin/v1/calls/history'
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const state = (client: Client, room: string, content: object) =>
  client.setState(room, memberType, content, `_${client.userId}_${client.deviceId}_m.call`)
const join = (client: Client, room: string) =>
  state(client, room, { application: 'm.call', call_id: '', device_id: client.deviceId, expires: 4 * HOUR })
const leave = (client: Client, room: string) => state(client, room, {})

const sticky = (client: Client, room: string, content: { readonly member?: object; readonly application?: object }) =>
  client.put(
    `/rooms/${room}/send/${stickyType}/${content.member ? 'in' : 'out'}?org.matrix.msc4354.sticky_duration_ms=3600000`,
    { slot_id: ROOM_SLOT, msc4354_sticky_key: 'one', ...content },
  )

/** Lets time pass, and the server do what follows from what was before, and from that. */
async function pass(server: TestServer, clock: FakeClock, ms: number): Promise<void> {
  await server.server.settle()
  await clock.advance(ms)
  await server.server.services.callHistory.look()
}

forEachDatabase(({ dialect }) => {
  test('who was in a call, by what apps of both kinds say in the room, is told to them and to administrators', async () => {
    const clock = new FakeClock()
    const start = clock.now()
    await using server = await startServer({ database: dialect, parts: { clock } })
    const [alice, bob, admin] = [
      await server.register('alice'),
      await server.register('bob'),
      await registerAdmin(server),
    ]
    const room = await alice.createRoom({ invite: [bob.userId] })
    await bob.post(`/rooms/${room}/join`)
    await join(alice, room)
    await pass(server, clock, 10 * MINUTE)
    await sticky(bob, room, { member: { id: 'one', user_id: bob.userId }, application: { type: 'm.call' } })
    await pass(server, clock, 10 * MINUTE)
    const since = { joined_ts: start, left_ts: null, returns: 0, end_reason: null }
    const ofAlice = { user_id: alice.userId, ...since }
    const ofBob = { user_id: bob.userId, ...since, joined_ts: start + 10 * MINUTE }
    const call = { call_id: expect.any(String), room_id: room, slot_id: ROOM_SLOT, started_ts: start, ended_ts: null }
    expect(await alice.get(path)).toEqual({ calls: [{ ...call, participants: [ofAlice, ofBob] }] })
    await leave(alice, room)
    await pass(server, clock, MINUTE)
    await sticky(bob, room, {})
    await pass(server, clock, MINUTE)
    const [left, over] = [start + 20 * MINUTE, start + 21 * MINUTE]
    const past = {
      calls: [
        {
          ...call,
          ended_ts: over,
          participants: [
            { ...ofAlice, left_ts: left },
            { ...ofBob, left_ts: over },
          ],
        },
      ],
    }
    expect(await bob.get(path)).toEqual(past)
    expect(await bob.get(`${path}?room_id=${room}`)).toEqual(past)
    expect(await admin.get(`${adminPath}?room_id=${room}`)).toEqual(past)
    expect(await admin.get(`${adminPath}?user_id=${alice.userId}`)).toEqual(past)
    expect(await admin.get(path)).toEqual({ calls: [] }) // it was no call of theirs
    expect(await alice.refusal('GET', adminPath)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(server.server.services.metrics.text()).toMatch(
      /calls_live 0\n[^]*calls_started_total 1\n[^]*calls_ended_total\{company="yes"\} 1\n[^]*call_minutes_total 31\n/,
    )
  })

  test('whoever is in the room no more sees none of its calls, and who is erased was in none', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database: dialect, parts: { clock } })
    const [alice, bob, admin] = [
      await server.register('alice'),
      await server.register('bob'),
      await registerAdmin(server),
    ]
    const room = await alice.createRoom({ invite: [bob.userId] })
    await bob.post(`/rooms/${room}/join`)
    await join(alice, room)
    await join(bob, room)
    await pass(server, clock, MINUTE)
    const who = async (client: Client, of: string) =>
      (await client.get(of))['calls'].map((call: { participants: { user_id: string; left_ts: number | null }[] }) =>
        call.participants.map(({ user_id, left_ts }) => [user_id, left_ts === null]),
      )
    expect(await who(bob, path)).toEqual([[[alice.userId, true], [bob.userId, true]]]) // prettier-ignore
    await bob.post(`/rooms/${room}/leave`)
    await pass(server, clock, MINUTE)
    expect(await who(bob, path)).toEqual([])
    expect(await who(alice, path)).toEqual([[[alice.userId, true], [bob.userId, false]]]) // prettier-ignore

    const exported = await admin.get(`/_domovoi/admin/v1/users/${bob.userId}/export`)
    expect(exported['calls']).toEqual([{ room_id: room, joined_ts: expect.any(Number), left_ts: expect.any(Number) }])
    await admin.post(`/_synapse/admin/v1/deactivate/${bob.userId}`, { erase: true })
    await server.server.settle()
    expect(await who(admin, adminPath)).toEqual([[[alice.userId, true]]])
    await admin.post(`/_synapse/admin/v1/deactivate/${alice.userId}`, { erase: true })
    await server.server.settle()
    expect(await who(admin, adminPath)).toEqual([])
  })

  test('calls are listed page by page, and forgotten when they are old', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database: dialect, config: 'calls: { history: 2d }', parts: { clock } })
    const alice = await server.register('alice')
    const rooms: string[] = []
    for (let count = 0; count < 5; count++) {
      const room = await alice.createRoom()
      rooms.unshift(room)
      await join(alice, room)
      if (count === 1) continue // two begin at the same moment
      await pass(server, clock, MINUTE)
    }
    const seen: string[] = []
    for (let from: string | undefined = ''; from !== undefined;) {
      const page: Record<string, any> = await alice.get(`${path}?limit=2${from}`) // eslint-disable-line
      expect(page['calls'].length).toBeLessThanOrEqual(2)
      for (const call of page['calls']) seen.push(call.room_id)
      from = page['next_batch'] === undefined ? undefined : `&from=${page['next_batch']}`
    }
    expect(seen.toSorted()).toEqual(rooms.toSorted())
    expect([seen[0], seen[1], seen[4]]).toEqual([rooms[0], rooms[1], rooms[4]])
    expect(await alice.refusal('GET', `${path}?from=x`)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await alice.refusal('GET', `${path}?room_id=x`)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })

    for (const room of rooms.slice(1)) await leave(alice, room)
    await pass(server, clock, MINUTE)
    await pass(server, clock, 49 * HOUR)
    await server.server.services.callHistory.prune()
    const left = (await alice.get(path))['calls'].map((call: { room_id: string }) => call.room_id)
    expect(left).toEqual([rooms[0]]) // what never ended by itself: it expired
  })

  test('what no webhook told, and what was while the server was away, is found by a look', async () => {
    await using sfu = await FakeSfu.start()
    const clock = new FakeClock(Date.now()) // webhooks are signed by LiveKit's library, for now
    const start = clock.now()
    await using server = await startServer({ database: dialect, config: sfu.config, parts: { clock } })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await alice.createRoom({ invite: [bob.userId] })
    await bob.post(`/rooms/${room}/join`)
    await askToken(server, alice, room)
    await askToken(server, bob, room)
    const name = sfuRoomOf(room as RoomId, ROOM_SLOT)
    const [ofAlice = '', ofBob = ''] = [alice, bob].map((one) => plainIdentityOf(one.userId as UserId, one.deviceId))
    const look = async (): Promise<void> => {
      await server.server.services.calls?.look()
      await server.server.services.callHistory.look()
    }
    const stays = async () =>
      (await alice.get(path))['calls'].map((call: { participants: object[] }) =>
        call.participants.map((stay) => Object.values(stay).slice(0, 4)),
      )
    sfu.rooms.set(name, [ofAlice, ofBob])
    await look()
    expect(await stays()).toEqual([[[alice.userId, start, null, 0], [bob.userId, start, null, 0]]]) // prettier-ignore

    // Bob loses the connection and is back soon; nobody tells of that
    await clock.advance(1_000)
    sfu.rooms.set(name, [ofAlice])
    await look()
    await clock.advance(1_000)
    sfu.rooms.set(name, [ofAlice, ofBob])
    await look()
    expect(await stays()).toEqual([[[alice.userId, start, null, 0], [bob.userId, start, null, 1]]]) // prettier-ignore

    // Alice goes, which is told, with the reason
    await clock.advance(1_000)
    sfu.rooms.set(name, [ofBob])
    const participant = { identity: ofAlice, sid: `PA_${ofAlice}`, disconnectReason: 'CLIENT_INITIATED' }
    await sfu.tell(server.url, { event: 'participant_left', id: 'EV_1', room: { name }, participant })
    await server.server.settle()
    expect((await alice.get(path))['calls'][0].participants[0]).toMatchObject({
      left_ts: start + 3_000,
      end_reason: 'CLIENT_INITIATED',
    })

    // then the SFU is away with everybody in it, and it is not known when
    sfu.rooms.delete(name)
    await clock.advance(2 * HOUR)
    await look()
    const [call] = (await alice.get(path))['calls']
    expect(call).toMatchObject({ ended_ts: expect.any(Number) })
    expect(call.ended_ts - start).toBeLessThanOrEqual(MINUTE)
  })
})
