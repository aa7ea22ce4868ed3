/** What only the real SFU can show. */
import { describe, expect, jest, test } from '@jest/globals'
import { adminToken, joinToken } from '../../../homeserver/domain/rtc/grants.ts'
import { ownLivekitKey } from '../../../homeserver/domain/rtc/livekit-key.ts'
import { sfuRoomOf } from '../../../homeserver/domain/rtc/names.ts'
import { registerAdmin } from '../../support/admin.ts'
import type { Client } from '../../support/client.ts'
import { askToken, LoneCaller, mediaMissing, startCallServer } from '../../support/livekit.ts'

// the SFU takes its time to believe that somebody is gone
jest.setTimeout(180_000)

const withSfu = mediaMissing ? describe.skip : describe

const slot = 'm.call#ROOM'
const memberType = 'org.matrix.msc3401.call.member'
const clock = { now: () => Date.now() }
/** `PARTICIPANT_REMOVED`, as LiveKit counts the reasons. */
const removed = 'out 4'
/** `ROOM_DELETED`. */
const deleted = 'out 5'

/** Resolves when a leave has come to the room. */
async function someoneLeaves(client: Client, room: string, since: string): Promise<void> {
  const answer = await client.sync({ since, timeout: 30_000 })
  const events = (answer['rooms']?.join?.[room]?.timeline?.events ?? []) as readonly { type: string; content: object }[]
  const left = events.some(({ type, content }) => type === memberType && Object.keys(content).length === 0)
  if (!left) await someoneLeaves(client, room, String(answer['next_batch']))
}

/** Asks again and again until it is so. */
async function comesTrue(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50))
}

withSfu(`calls through the real SFU${mediaMissing ? ` (${mediaMissing})` : ''}`, () => {
  test('rtc 10: who has a token but no room is not let in, and the API of the SFU is not under our address', async () => {
    await using server = await startCallServer()
    const key = await ownLivekitKey(server.server.services.config.data_dir)
    const grant = { sfuRoom: 'made up', identity: 'x', canPublish: true, canUpdateOwnMetadata: true }
    await using caller = new LoneCaller(server, await joinToken(grant, key, clock))
    await caller.says('refused')
    const path = '/livekit/sfu/twirp/livekit.RoomService/ListRooms'
    const authorization = `Bearer ${await adminToken({ roomList: true }, key, clock)}`
    const answer = await fetch(server.url + path, { method: 'POST', headers: { authorization }, body: '{}' })
    expect(answer.status).toBe(404)
  })

  test('the history of calls has from the SFU when people came, what they sent, when they went and why', async () => {
    await using server = await startCallServer()
    const [alice, admin] = [await server.register('alice'), await registerAdmin(server)]
    const room = await alice.createRoom()
    await using caller = new LoneCaller(server, (await askToken(server, alice, room)).jwt, 'speak')
    await caller.says('in')
    const stay = async () => (await alice.get('/_domovoi/client/v1/calls'))['calls'][0]?.participants[0]
    await comesTrue(async () => (await stay())?.left_ts === null)
    expect(await stay()).toMatchObject({ user_id: alice.userId, joined_ts: expect.any(Number), end_reason: null })
    const live = async () => (await admin.get('/_domovoi/admin/v1/calls'))['calls'][0]
    await comesTrue(async () => (await live()).participants[0].tracks.length > 0)
    const { started_ts: started, participants } = await live()
    expect(started).toBe((await stay()).joined_ts)
    expect(participants[0].tracks).toEqual([
      { source: 'microphone', codec: expect.stringContaining('audio/'), muted: false },
    ])
    await admin.post(`/_domovoi/admin/v1/calls/${room}/end`)
    await comesTrue(async () => (await stay()).left_ts !== null)
    expect((await stay()).end_reason).toBe('ROOM_DELETED')
  })

  test('T89: a token for a call opens nothing else at the SFU', async () => {
    await using server = await startCallServer()
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const { jwt } = await askToken(server, alice, room)
    const name = sfuRoomOf(room as `!${string}`, slot)
    const sfu = server.server.services.calls?.tunnelTo?.() ?? ''
    const identity = `${alice.userId}:${alice.deviceId}`
    const forbidden: readonly [string, object][] = [
      ['CreateRoom', { name: 'another' }],
      ['ListRooms', {}],
      ['DeleteRoom', { room: name }],
      ['ListParticipants', { room: name }],
      ['GetParticipant', { room: name, identity }],
      ['RemoveParticipant', { room: name, identity }],
      ['MutePublishedTrack', { room: name, identity, track_sid: 'x', muted: true }],
      ['UpdateRoomMetadata', { room: name, metadata: 'x' }],
      ['SendData', { room: name, data: 'eA==' }],
    ]
    for (const [method, body] of forbidden) {
      const answer = await fetch(`${sfu}/twirp/livekit.RoomService/${method}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      expect({ method, status: answer.status }).toEqual({ method, status: 401 })
    }
  })

  test('rtc 12: whoever may not publish hears, and cannot speak', async () => {
    await using server = await startCallServer()
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    await using speaker = new LoneCaller(server, (await askToken(server, alice, room)).jwt, 'speak')
    await speaker.says('in')
    const key = await ownLivekitKey(server.server.services.config.data_dir)
    const sfuRoom = sfuRoomOf(room as `!${string}`, slot)
    const mute = (identity: string): Promise<string> =>
      joinToken({ sfuRoom, identity, canPublish: false, canUpdateOwnMetadata: false }, key, clock)
    for (const [device, what, outcome] of [
      ['EARS', 'listen', 'heard'],
      ['MOUTH', 'speak', 'refused'],
    ] as const) {
      alice.deviceId = device
      await askToken(server, alice, room) // makes it known, so that it is not put out
      await using caller = new LoneCaller(server, await mute(`${alice.userId}:${device}`), what)
      await caller.says(outcome)
    }
  })

  test('rtc 26: whoever is kicked is out of the call, and out again when coming back with the old token', async () => {
    await using server = await startCallServer()
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const room = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${room}/join`)
    const { jwt } = await askToken(server, bob, room)
    await using caller = new LoneCaller(server, jwt)
    await caller.says('in')
    await alice.post(`/rooms/${room}/kick`, { user_id: bob.userId })
    await caller.says(removed)
    await using again = new LoneCaller(server, jwt)
    // so quickly, perhaps, that it never was in
    await Promise.any([again.says(removed), again.says('refused')])
  })

  test('administrators see who is in a call, and end it', async () => {
    await using server = await startCallServer()
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const room = await alice.createRoom()
    await using caller = new LoneCaller(server, (await askToken(server, alice, room)).jwt)
    await caller.says('in')
    // the SFU lets people in first, and lists them then
    let calls: readonly { participants: { joined_ts: number }[] }[] = []
    while (calls.length === 0) calls = (await admin.get('/_domovoi/admin/v1/calls'))['calls']
    expect(calls).toMatchObject([{ room_id: room, participants: [{ user_id: alice.userId }] }])
    expect(calls[0]?.participants[0]?.joined_ts).toBeGreaterThan(1_600_000_000_000) // milliseconds
    expect(await admin.post(`/_domovoi/admin/v1/calls/${room}/end`)).toEqual({ participants: 1, left: [] })
    await caller.says(deleted)
    expect(await admin.get('/_domovoi/admin/v1/calls')).toEqual({ calls: [] })
  })

  test('rtc 22: who is killed in a call leaves it, though the leave has an hour of time', async () => {
    await using server = await startCallServer()
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const stateKey = `_${alice.userId}_${alice.deviceId}_m.call`
    await alice.setState(room, memberType, { application: 'm.call', device_id: alice.deviceId }, stateKey)
    const path = `/rooms/${room}/state/${memberType}/${encodeURIComponent(stateKey)}`
    const { delay_id } = await alice.put(`${path}?org.matrix.msc4140.delay=3600000`, {})
    const { jwt } = await askToken(server, alice, room, { delay_id, delay_timeout: 3_600_000 })
    await using caller = new LoneCaller(server, jwt, 'speak')
    await caller.says('in')
    const { next_batch: since } = await alice.sync()
    await caller.kill()
    await someoneLeaves(alice, room, String(since))
    expect(await alice.get(path)).toEqual({})
  })
})
