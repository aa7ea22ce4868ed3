import { expect, test } from '@jest/globals'
import { registerAdmin } from '../../../test/support/admin.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { FakeSfu } from '../../../test/support/fake-sfu.ts'
import { askToken } from '../../../test/support/livekit.ts'
import { startServer } from '../../../test/support/server.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { plainIdentityOf, ROOM_SLOT, sfuRoomOf } from '../../domain/rtc/names.ts'

const path = '/_domovoi/admin/v1/calls'
const memberType = 'org.matrix.msc3401.call.member'

forEachDatabase(({ dialect }) => {
  test('administrators see who is in which call, and end one: everybody is out, at the SFU and in the room', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await startServer({ database: dialect, config: sfu.config })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const room = await alice.createRoom()
    const stateKey = `_${alice.userId}_${alice.deviceId}_m.call`
    await askToken(server, alice, room)
    expect(await admin.get(path)).toEqual({ calls: [] })

    const name = sfuRoomOf(room as RoomId, ROOM_SLOT)
    const identity = plainIdentityOf(alice.userId as UserId, alice.deviceId)
    sfu.rooms.set(name, [identity, 'somebody who is not ours'])
    await alice.setState(room, memberType, { application: 'm.call', device_id: alice.deviceId }, stateKey)
    await server.server.settle()
    expect(await admin.get(path)).toEqual({
      calls: [
        {
          room_id: room,
          slot_id: ROOM_SLOT,
          started_ts: expect.any(Number),
          participants: [
            {
              user_id: alice.userId,
              device_id: alice.deviceId,
              joined_ts: 1_700_000_000_000,
              tracks: [{ source: 'microphone', codec: 'audio/red', muted: true }],
            },
          ],
        },
      ],
    })

    const end = `${path}/${encodeURIComponent(room)}/end`
    expect(await admin.post(end)).toEqual({ participants: 2, left: [alice.userId] })
    expect(sfu.rooms.has(name)).toBe(false)
    expect(await alice.get(`/rooms/${room}/state/${memberType}/${encodeURIComponent(stateKey)}`)).toEqual({})
    expect(await admin.refusal('POST', end)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await admin.get(path)).toEqual({ calls: [] })
    await askToken(server, alice, room) // another one
    expect(sfu.rooms.has(name)).toBe(true)
  })
})

test('where there are no calls, or their SFU is away, administrators are told so', async () => {
  await using off = await startServer({ config: 'calls: { sfu: off }' })
  expect(await (await registerAdmin(off)).refusal('GET', path)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })

  const sfu = await FakeSfu.start()
  await using server = await startServer({ config: sfu.config })
  const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
  const room = await alice.createRoom()
  await askToken(server, alice, room)
  await sfu[Symbol.asyncDispose]()
  expect(await admin.refusal('GET', path)).toEqual({ status: 502, errcode: 'M_UNKNOWN' })
  expect(await admin.refusal('POST', `${path}/${room}/end`)).toEqual({ status: 502, errcode: 'M_UNKNOWN' })
})
