import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const at = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`

async function memberOf(client: Client, roomId: string, user: Client): Promise<Json> {
  return await client.get(at(roomId, `state/m.room.member/${user.userId}?format=event`))
}

async function three(server: TestServer): Promise<[Client, Client, Client]> {
  return [await server.register('alice'), await server.register('bob'), await server.register('carol')]
}

const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }

forEachDatabase(({ dialect }) => {
  test('joining twice is joining once, also at the same time', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await three(server)
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const answers = await Promise.all([1, 2, 3].map(() => bob.post(at(roomId, 'join'))))
    expect(answers).toEqual([1, 2, 3].map(() => ({ room_id: roomId })))
    const first = await memberOf(alice, roomId, bob)
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    expect(await memberOf(alice, roomId, bob)).toMatchObject({ event_id: first['event_id'] })
    expect(first['unsigned']).not.toHaveProperty('replaces_state')
  })

  test('a room is joined by its alias, with what the client adds to its member event', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await three(server)
    await bob.put(`/profile/${bob.userId}/displayname`, { displayname: 'Bob' })
    const roomId = await alice.createRoom({ preset: 'public_chat', room_alias_name: 'den' })
    expect(await bob.post('/join/%23den:hs.test', { reason: 'curious', foo: 'bar' })).toEqual({ room_id: roomId })
    expect((await memberOf(alice, roomId, bob))['content']).toEqual({
      membership: 'join',
      displayname: 'Bob',
      reason: 'curious',
      foo: 'bar',
    })
  })

  test('what is not there cannot be joined', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const unknown = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await alice.refusal('POST', '/join/%21nowhere:hs.test', {})).toEqual(unknown)
    expect(await alice.refusal('POST', '/join/%23nowhere:hs.test', {})).toEqual(unknown)
    expect(await alice.refusal('POST', '/join/nowhere', {})).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
  })

  test('only the invited come into a private room, and they can refuse', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, carol] = await three(server)
    const roomId = await alice.createRoom()
    expect(await bob.refusal('POST', at(roomId, 'join'), {})).toEqual(forbidden)
    expect(await bob.refusal('POST', at(roomId, 'invite'), { user_id: carol.userId })).toEqual(forbidden)
    await alice.post(at(roomId, 'invite'), { user_id: bob.userId, reason: 'come' })
    expect((await memberOf(alice, roomId, bob))['content']).toEqual({
      membership: 'invite',
      displayname: 'bob',
      reason: 'come',
    })
    await bob.post(at(roomId, 'leave'))
    await bob.post(at(roomId, 'leave')) // a second time is no error
    expect(await bob.refusal('POST', at(roomId, 'join'), {})).toEqual(forbidden)
    await alice.post(at(roomId, 'invite'), { user_id: bob.userId })
    await bob.post(at(roomId, 'join'))
    expect(await alice.refusal('POST', at(roomId, 'invite'), { user_id: bob.userId })).toEqual(forbidden)
    expect(await alice.refusal('POST', at(roomId, 'invite'), { user_id: alice.userId })).toEqual(forbidden)
    expect(await carol.refusal('POST', at(roomId, 'leave'), {})).toEqual(forbidden)
  })

  test('somebody who takes no invites is not invited', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await three(server)
    await bob.put(`/user/${bob.userId}/account_data/m.invite_permission_config`, { default_action: 'block' })
    const roomId = await alice.createRoom()
    const blocked = { status: 403, errcode: 'M_INVITE_BLOCKED' }
    expect(await alice.refusal('POST', at(roomId, 'invite'), { user_id: bob.userId })).toEqual(blocked)
    expect(await alice.refusal('POST', '/createRoom', { invite: [bob.userId] })).toEqual(blocked)
    const content = { membership: 'invite' }
    expect(await alice.refusal('PUT', at(roomId, `state/m.room.member/${bob.userId}`), content)).toEqual(blocked)
  })

  test('somebody takes invites by lists of users and servers, of which the first that fits counts', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await three(server)
    const invite = async (lists: object): Promise<[number, boolean]> => {
      await bob.put(`/user/${bob.userId}/account_data/org.matrix.msc4155.invite_permission_config`, lists)
      const roomId = await alice.createRoom()
      const { status } = await alice.refusal('POST', at(roomId, 'invite'), { user_id: bob.userId })
      return [status, (await bob.sync())['rooms']?.invite?.[roomId] !== undefined]
    }
    const [taken, unheard, refused] = [
      [200, true],
      [200, false],
      [403, false],
    ]
    expect(await invite({ blocked_users: ['@bob:hs.test'], ignored_servers: null })).toEqual(taken)
    expect(await invite({ blocked_users: ['@al*'] })).toEqual(refused)
    expect(await invite({ blocked_servers: ['hs.t?st'] })).toEqual(refused)
    expect(await invite({ allowed_users: [alice.userId], blocked_servers: ['*'] })).toEqual(taken)
    expect(await invite({ allowed_servers: ['*'], ignored_users: [alice.userId] })).toEqual(unheard)
  })

  test('who is banned stays out until the ban is lifted', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, carol] = await three(server)
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(at(roomId, 'join'))
    expect(await bob.refusal('POST', at(roomId, 'ban'), { user_id: alice.userId })).toEqual(forbidden)
    await alice.post(at(roomId, 'ban'), { user_id: bob.userId, reason: 'testing' })
    expect((await memberOf(alice, roomId, bob))['content']).toEqual({ membership: 'ban', reason: 'testing' })
    for (const act of ['join', 'leave']) expect(await bob.refusal('POST', at(roomId, act), {})).toEqual(forbidden)
    expect(await alice.refusal('POST', at(roomId, 'invite'), { user_id: bob.userId })).toEqual(forbidden)
    expect(await alice.refusal('POST', at(roomId, 'kick'), { user_id: bob.userId })).toEqual(forbidden)
    expect(await alice.refusal('POST', at(roomId, 'unban'), { user_id: carol.userId })).toEqual(forbidden)
    await alice.post(at(roomId, 'unban'), { user_id: bob.userId })
    await bob.post(at(roomId, 'join'))
  })

  test('a kick is for who is in the room, and needs power', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, carol] = await three(server)
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await Promise.all([bob.post(at(roomId, 'join')), carol.post(at(roomId, 'join'))])
    expect(await bob.refusal('POST', at(roomId, 'kick'), { user_id: carol.userId })).toEqual(forbidden)
    await alice.post(at(roomId, 'kick'), { user_id: bob.userId, reason: 'noise' })
    expect(await memberOf(alice, roomId, bob)).toMatchObject({
      sender: alice.userId,
      content: { membership: 'leave', reason: 'noise' },
    })
    expect(await alice.refusal('POST', at(roomId, 'kick'), { user_id: bob.userId })).toEqual(forbidden)
    expect(await alice.refusal('POST', at(roomId, 'kick'), {})).toEqual({ status: 400, errcode: 'M_MISSING_PARAM' })
    await bob.post(at(roomId, 'join'))
  })

  test('one knocks where that is allowed, and comes in when invited', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await three(server)
    const roomId = await alice.createRoom()
    const knock = `/knock/${encodeURIComponent(roomId)}`
    expect(await bob.refusal('POST', knock, {})).toEqual(forbidden)
    await alice.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' })
    expect(await bob.post(knock, { reason: 'please' })).toEqual({ room_id: roomId })
    expect((await memberOf(alice, roomId, bob))['content']).toMatchObject({ membership: 'knock', reason: 'please' })
    expect(await bob.refusal('POST', at(roomId, 'join'), {})).toEqual(forbidden)
    await bob.post(at(roomId, 'leave'))
    await bob.post(knock)
    await alice.post(at(roomId, 'invite'), { user_id: bob.userId })
    await bob.post(at(roomId, 'join'))
  })

  test.each(['8', '12'])('members of an allowed room come into a restricted one of version %s', async (version) => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, carol] = await three(server)
    const club = await alice.createRoom({ preset: 'public_chat' })
    const roomId = await alice.createRoom({
      room_version: version,
      power_level_content_override: { invite: 50 },
      initial_state: [
        {
          type: 'm.room.join_rules',
          content: { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: club }] },
        },
      ],
    })
    expect(await bob.refusal('POST', at(roomId, 'join'), {})).toEqual(forbidden)
    await bob.post(at(club, 'join'))
    await bob.post(at(roomId, 'join'))
    const member = await memberOf(alice, roomId, bob)
    expect(member['content']).toEqual({
      membership: 'join',
      displayname: 'bob',
      join_authorised_via_users_server: alice.userId,
    })

    // Being in, one needs nobody's leave to change one's name.
    await bob.put(at(roomId, `state/m.room.member/${bob.userId}`), { ...member['content'], displayname: 'Bob' })
    expect((await memberOf(alice, roomId, bob))['content']).toEqual({ membership: 'join', displayname: 'Bob' })

    await carol.post(at(club, 'join'))
    await alice.post(at(roomId, 'leave'))
    expect(await carol.refusal('POST', at(roomId, 'join'), {})).toEqual({
      status: 400,
      errcode: 'M_UNABLE_TO_GRANT_JOIN',
    })
  })

  test('a room can be forgotten once it is left, and is seen again by who comes back', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await three(server)
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(at(roomId, 'join'))
    expect(await bob.refusal('POST', at(roomId, 'forget'), {})).toEqual({ status: 400, errcode: 'M_UNKNOWN' })
    await bob.post(at(roomId, 'leave'))
    expect(await bob.request('GET', at(roomId, 'state'))).toMatchObject({ status: 200 })
    await bob.post(at(roomId, 'forget'))
    expect(await bob.refusal('GET', at(roomId, 'state'))).toEqual(forbidden)
    await bob.post(at(roomId, 'join'))
    expect(await bob.request('GET', at(roomId, 'state'))).toMatchObject({ status: 200 })
  })

  test('a new name is shown in all rooms, and a deactivated account is in none', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await three(server)
    const rooms = await Promise.all([1, 2, 3].map(() => alice.createRoom({ preset: 'public_chat' })))
    for (const roomId of rooms) await bob.post(at(roomId, 'join'))
    const invitation = await alice.createRoom({ invite: [bob.userId] })
    await bob.put(`/profile/${bob.userId}/displayname`, { displayname: 'Bob' })
    await server.server.settle()
    for (const roomId of rooms) {
      expect((await memberOf(alice, roomId, bob))['content']).toEqual({ membership: 'join', displayname: 'Bob' })
    }
    const auth = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'bob' },
      password: 'password of bob',
    }
    await bob.post('/account/deactivate', { auth })
    await server.server.settle()
    for (const roomId of [...rooms, invitation]) {
      expect((await memberOf(alice, roomId, bob))['content']).toEqual({ membership: 'leave' })
    }
  })
})
