import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { FakeSfu } from '../../../test/support/fake-sfu.ts'
import { startBeside } from '../../../test/support/hostile-server.ts'
import { Federation } from '../../../test/support/federation.ts'
import type { Dialect } from '../../../test/support/databases.ts'

const slot = 'm.call#ROOM'
const hosted = '/_matrix/client/v1/rtc/livekit/get_token'
const federated = '/_matrix/federation/v1/rtc/livekit/get_token'

/** Two servers with an SFU each, and a room of Alice on the first where Bob of the second is. */
async function inOneRoom(stack: AsyncDisposableStack, database: Dialect = 'sqlite') {
  const [sfu1, sfu2] = [stack.use(await FakeSfu.start()), stack.use(await FakeSfu.start())]
  const federation = stack.use(await Federation.make('hs1.test', 'hs2.test'))
  const hs1 = await federation.start('hs1.test', { database, config: sfu1.config })
  const hs2 = await federation.start('hs2.test', { database, config: sfu2.config })
  const [alice, bob] = await Promise.all([hs1.server.register('alice'), hs2.server.register('bob')])
  const room = await alice.createRoom({ preset: 'public_chat' })
  await bob.post(`/join/${room}?via=hs1.test`)
  return { sfu1, hs1, hs2, alice, bob, room }
}

const openId = async (client: Client) => await client.post(`/user/${client.userId}/openid/request_token`)

async function ask(url: string, path: string, body: unknown) {
  const response = await fetch(`${url}/livekit/jwt${path}`, { method: 'POST', body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

test('rtc 8, 12: a member on another server is known by its token; only by the old way may it send', async () => {
  await using stack = new AsyncDisposableStack()
  const { sfu1, hs1, alice, bob, room } = await inOneRoom(stack)
  const { url } = hs1.server
  const legacy = async () => ({ room, openid_token: await openId(bob), device_id: bob.deviceId })
  const old = await ask(url, '/sfu/get', await legacy())
  expect(old.status).toBe(200)
  const claims = await sfu1.claims(old.body['jwt'] ?? '')
  expect(claims['video']).toMatchObject({ canPublish: true })
  expect(claims['sub']).toBe(`${bob.userId}:${bob.deviceId}`)
  const member = { id: 'm', claimed_user_id: bob.userId, claimed_device_id: bob.deviceId }
  const later = { room_id: room, slot_id: slot, openid_token: await openId(bob), member }
  const { status, body } = await ask(url, '/get_token', later)
  expect(status).toBe(200)
  expect((await sfu1.claims(body['jwt'] ?? ''))['video']).toMatchObject({ canPublish: false, canSubscribe: true })

  await alice.setState(room, 'm.room.server_acl', { allow: ['*'], deny: ['hs2.test'] })
  expect(await ask(url, '/sfu/get', await legacy())).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
})

test('rtc 8: a server that vouches for the user of another one, or for nobody, is not believed', async () => {
  await using sfu = await FakeSfu.start()
  const { federation, ours, evil } = await startBeside({ config: sfu.config })
  await using _end = federation
  const alice = await ours.server.register('alice')
  const room = await alice.createRoom()
  const request = (server: string) => ({
    room,
    openid_token: { access_token: 'x', matrix_server_name: server },
    device_id: 'D',
  })
  for (const answer of [{ sub: alice.userId }, { sub: '@a:third.test' }, { sub: 1 }, {}]) {
    evil.on(/openid\/userinfo$/, () => answer)
    const refused = { status: 401, body: { errcode: 'M_UNAUTHORIZED' } }
    expect(await ask(ours.server.url, '/sfu/get', request(evil.name))).toMatchObject(refused)
  }
  evil.on(/openid\/userinfo$/, () => ({ sub: '@mallory:evil.test' }))
  const stranger = await ask(ours.server.url, '/sfu/get', request(evil.name))
  expect(stranger).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
  // what is inside is never asked: not dialled even where a name leads there
  federation.dns.serve('inside.test', 1)
  const nowhere = await ask(ours.server.url, '/sfu/get', request('10.0.0.1:80'))
  expect(nowhere).toMatchObject({ status: 401, body: { errcode: 'M_UNAUTHORIZED' } })
  expect(sfu.calls).toEqual([])
})

test('rtc 31: a user gets a token for the SFU of another server through its own', async () => {
  await using stack = new AsyncDisposableStack()
  const { sfu1, alice, bob, room } = await inOneRoom(stack)
  const request = { url: sfu1.publicUrl, room_id: room, slot_id: slot, server_name: 'hs1.test' }
  for (const member of [{ member_id: 'm' }, { member: { id: 'm' } }]) {
    const { jwt } = await bob.post(hosted, { ...request, ...member })
    const { video } = await sfu1.claims(String(jwt))
    expect(video).toMatchObject({ canPublish: false, canSubscribe: true, canUpdateOwnMetadata: false })
  }
  const { jwt } = await alice.post(hosted, { ...request, member_id: 'm' })
  expect((await sfu1.claims(String(jwt)))['video']).toMatchObject({ canPublish: true, canUpdateOwnMetadata: false })

  const refusal = (change: object) => bob.refusal('POST', hosted, { ...request, member_id: 'm', ...change })
  expect(await refusal({ url: 'wss://other.test' })).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
  expect(await refusal({ room_id: '!unknown:hs1.test' })).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
  expect(await refusal({ server_name: 'nowhere.test' })).toEqual({ status: 502, errcode: 'M_UNKNOWN' })
  expect(await refusal({ slot_id: undefined })).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
  expect(await refusal({ member_id: undefined })).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
  bob.token = ''
  expect(await refusal({})).toEqual({ status: 401, errcode: 'M_MISSING_TOKEN' })
})

test('rtc 31: a server speaks only for its own users, and only for those in the room', async () => {
  await using sfu = await FakeSfu.start()
  const { federation, ours, evil } = await startBeside({ config: sfu.config })
  await using _end = federation
  const alice = await ours.server.register('alice')
  const room = await alice.createRoom()
  const request = { url: sfu.publicUrl, room_id: room, slot_id: slot, member_id: 'm' }
  const forbidden = { status: 403, body: { errcode: 'M_FORBIDDEN' } }
  for (const userId of [alice.userId, '@mallory:evil.test']) {
    expect(await evil.call(ours, 'POST', federated, { ...request, user_id: userId })).toMatchObject(forbidden)
  }
  const unsigned = await fetch(ours.server.url + federated, { method: 'POST', body: JSON.stringify(request) })
  expect(unsigned.status).toBe(401)
  expect(sfu.calls).toEqual([])
})
