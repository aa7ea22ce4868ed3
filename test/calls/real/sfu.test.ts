/** What only the real SFU can show. The cases are those of `docs/calls.md`. */
import { afterAll, describe, expect, test } from '@jest/globals'
import { Caller, loadRtc } from '../../../homeserver/cli/simulate/caller.ts'
import { adminToken, joinToken } from '../../../homeserver/domain/rtc/grants.ts'
import { ownLivekitKey } from '../../../homeserver/domain/rtc/livekit-key.ts'
import { sfuRoomOf } from '../../../homeserver/domain/rtc/names.ts'
import type { Client } from '../../support/client.ts'
import { livekitMissing, startCallServer } from '../../support/livekit.ts'
import type { TestServer } from '../../support/server.ts'

const rtc = livekitMissing === undefined ? await loadRtc() : undefined
const removed = rtc?.DisconnectReason.PARTICIPANT_REMOVED
const withRtc = rtc ? describe : describe.skip
const why = rtc ? '' : ` (${livekitMissing ?? 'no @livekit/rtc-node for this machine'})`
afterAll(() => rtc?.dispose())

const slot = 'm.call#ROOM'
const clock = { now: () => Date.now() }

async function askToken(server: TestServer, client: Client, room: string): Promise<string> {
  const openId = await client.post(`/user/${client.userId}/openid/request_token`)
  const request = { room, openid_token: openId, device_id: client.deviceId }
  const response = await fetch(`${server.url}/livekit/jwt/sfu/get`, { method: 'POST', body: JSON.stringify(request) })
  const { jwt } = (await response.json()) as { jwt: string }
  return jwt
}

/** By the way that browsers take. */
const join = async (server: TestServer, jwt: string): Promise<Caller> => {
  if (!rtc) throw new Error('There is no client of LiveKit')
  return await Caller.join(rtc, { url: `${server.url.replace('http', 'ws')}/livekit/sfu`, jwt })
}

withRtc(`calls through the real SFU${why}`, () => {
  test('rtc 10: who has a token but no room is not let in, and the API of the SFU is not under our address', async () => {
    await using server = await startCallServer()
    const key = await ownLivekitKey(server.server.services.config.data_dir)
    const grant = { sfuRoom: 'made up', identity: 'x', canPublish: true, canUpdateOwnMetadata: true }
    await expect(join(server, joinToken(grant, key, clock))).rejects.toThrow()
    const path = '/livekit/sfu/twirp/livekit.RoomService/ListRooms'
    const authorization = `Bearer ${adminToken({ roomList: true }, key, clock)}`
    expect((await fetch(server.url + path, { method: 'POST', headers: { authorization }, body: '{}' })).status).toBe(
      404,
    )
  })

  test('T89: a token for a call opens nothing else at the SFU', async () => {
    await using server = await startCallServer()
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const jwt = await askToken(server, alice, room)
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

  test('rtc 12: whoever may not publish hears, and is not heard', async () => {
    await using server = await startCallServer()
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    await using a = await join(server, await askToken(server, alice, room))
    const key = await ownLivekitKey(server.server.services.config.data_dir)
    const sfuRoom = sfuRoomOf(room as `!${string}`, slot)
    // known to the server, so that it is not put out
    const listener = { sfuRoom, identity: `${alice.userId}:OTHER`, canPublish: false, canUpdateOwnMetadata: false }
    alice.deviceId = 'OTHER'
    await askToken(server, alice, room)
    await using b = await join(server, joinToken(listener, key, clock))
    await a.speak(440)
    expect(await b.hears(440, 20_000)).toBe(true)
    await expect(b.speak(1_000)).rejects.toThrow()
  })

  test('rtc 26: whoever is kicked is out of the call, and out again when coming back with the old token', async () => {
    await using server = await startCallServer()
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const room = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${room}/join`)
    await using _a = await join(server, await askToken(server, alice, room))
    const jwt = await askToken(server, bob, room)
    await using b = await join(server, jwt)
    await alice.post(`/rooms/${room}/kick`, { user_id: bob.userId })
    expect(await b.ended).toBe(removed)
    // so quickly, perhaps, that it never was in
    const again = join(server, jwt).then(
      ({ ended }) => ended,
      () => removed,
    )
    expect(await again).toBe(removed)
  })
})
