/** A call of people on two servers, each with an SFU of its own: everybody speaks at home and listens at the others'. */
import { describe, expect, jest, test } from '@jest/globals'
import { hasOpenssl } from '../../support/certificates.ts'
import type { Client } from '../../support/client.ts'
import { Federation } from '../../support/federation.ts'
import { askToken, callPorts, livekit, LoneCaller, mediaMissing } from '../../support/livekit.ts'
import type { TestServer } from '../../support/server.ts'

jest.setTimeout(180_000)

const missing = mediaMissing ?? (hasOpenssl ? undefined : 'no openssl')
const withSfu = missing ? describe.skip : describe

const slot = 'm.call#ROOM'

/** As clients find it. */
async function transportOf(client: Client): Promise<{ readonly livekit_service_url: string; readonly url: string }> {
  const { rtc_transports: transports } = await client.get('/_matrix/client/v1/rtc/transports')
  return transports[0]
}

/** Asks the other server's service, to which a client shows a token of its own server. */
async function tokenByOpenId(client: Client, room: string, there: TestServer): Promise<string> {
  const member = { id: 'ears', claimed_user_id: client.userId, claimed_device_id: client.deviceId }
  const openId = await client.post(`/user/${client.userId}/openid/request_token`)
  const response = await fetch(`${there.url}/livekit/jwt/get_token`, {
    method: 'POST',
    body: JSON.stringify({ room_id: room, slot_id: slot, openid_token: openId, member }),
  })
  expect(response.status).toBe(200)
  return ((await response.json()) as { jwt: string }).jwt
}

/** Has the client's own server ask the other one. */
async function tokenByOwnServer(client: Client, room: string, server: string, url: string): Promise<string> {
  const member = { id: 'ears', claimed_device_id: client.deviceId }
  const request = { url, room_id: room, slot_id: slot, server_name: server, member }
  return String((await client.post('/_matrix/client/v1/rtc/livekit/get_token', request))['jwt'])
}

withSfu(`calls between servers${missing ? ` (${missing})` : ''}`, () => {
  test('people of two servers hear each other, each through the SFU of the one who speaks', async () => {
    await using federation = await Federation.make('hs1.test', 'hs2.test')
    const start = async (name: string) =>
      await federation.start(name, { config: await callPorts(), parts: { livekit } })
    const [hs1, hs2] = [await start('hs1.test'), await start('hs2.test')]
    const [alice, bob] = await Promise.all([hs1.server.register('alice'), hs2.server.register('bob')])
    const room = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/join/${encodeURIComponent(room)}?via=hs1.test`)
    const { url: sfuOfAlice } = await transportOf(alice)
    expect(sfuOfAlice).not.toBe((await transportOf(bob)).url)

    await using aliceSpeaks = new LoneCaller(hs1.server, (await askToken(hs1.server, alice, room)).jwt, 'speak')
    await using bobSpeaks = new LoneCaller(hs2.server, (await askToken(hs2.server, bob, room)).jwt, 'speak')
    await aliceSpeaks.says('in')
    await bobSpeaks.says('in')

    const hisServerAsked = await tokenByOwnServer(bob, room, 'hs1.test', sfuOfAlice)
    await using bobListens = new LoneCaller(hs1.server, hisServerAsked, 'listen')
    await bobListens.says('heard')
    const sheAsked = await tokenByOpenId(alice, room, hs2.server)
    await using aliceListens = new LoneCaller(hs2.server, sheAsked, 'listen')
    await aliceListens.says('heard')

    // who came to listen may not speak
    await using bobAgain = new LoneCaller(hs1.server, hisServerAsked, 'speak')
    await bobAgain.says('refused')
  })
})
