import { expect, test } from '@jest/globals'
import { registerAdmin } from '../../../test/support/admin.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { operatorToken } from '../../domain/accounts/operator-token.ts'
import { endpointsOf } from '../endpoints.ts'

const at = '/_synapse/admin'
const encoded = encodeURIComponent

test('T88: what administrators ask is for administrators alone', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const { config, calls } = server.server.services
  const endpoints = endpointsOf(config, { hasCalls: calls !== undefined })
  const ours = endpoints.filter(({ auth }) => auth === 'admin')
  expect(ours.length).toBeGreaterThan(40)
  for (const { method, paths } of ours) {
    const path = (paths[0] ?? '').replaceAll(/:\w+/g, 'x')
    expect({ path, ...(await alice.refusal(method, path)) }).toEqual({ path, status: 403, errcode: 'M_FORBIDDEN' })
    expect({ path, ...(await server.client().refusal(method, path)) }).toMatchObject({ path, status: 401 })
  }
  // The rest below these paths: by the shared secret, what release this is, and what people may know of themselves.
  const others = endpoints.filter(({ auth, paths }) => auth !== 'admin' && paths.some((path) => /\/admin\//.test(path)))
  expect(others.flatMap(({ paths }) => paths).toSorted()).toEqual([
    '/_matrix/client/r0/admin/whois/:userId',
    '/_matrix/client/v3/admin/whois/:userId',
    '/_synapse/admin/v1/register',
    '/_synapse/admin/v1/register',
    '/_synapse/admin/v1/server_version',
    '/_synapse/admin/v1/whois/:userId',
  ])
})

test('the command line is believed where it knows the secret, for minutes, from the network here', async () => {
  await using server = await startServer()
  const ask = async (token: string, headers = {}) => {
    const client = server.client()
    client.token = token
    return (await client.request('GET', `${at}/v2/users`, undefined, headers)).status
  }
  const secret = 'secret of the tests'
  const now = Date.now()
  expect(await ask(operatorToken(secret, now))).toBe(200)
  expect(await ask(operatorToken('guess', now))).toBe(401)
  expect(await ask(operatorToken(secret, now - 6 * 60_000))).toBe(401)
  expect(await ask(operatorToken(secret, now + 6 * 60_000))).toBe(401)
  expect(await ask(operatorToken(secret, now), { 'X-Forwarded-For': '8.8.8.8' })).toBe(401)
  const client = server.client()
  client.token = operatorToken(secret, now)
  expect(await client.refusal('GET', '/account/whoami')).toMatchObject({ status: 401 })
})

forEachDatabase(({ dialect: database }) => {
  test('users are listed, searched, sorted and paged', async () => {
    await using server = await startServer({ database })
    const admin = await registerAdmin(server)
    for (const name of ['carol', 'alice', 'bob']) await server.register(name)
    await admin.put(`${at}/v2/users/@bob:hs.test`, { displayname: 'Alice’s brother' })
    const names = async (query: string, version = 'v2') =>
      ((await admin.get(`${at}/${version}/users?${query}`))['users'] as { name: string }[]).map(({ name }) => name)
    expect(await names('name=aLiCe')).toEqual(['@alice:hs.test', '@bob:hs.test'])
    expect(await names('admins=true')).toEqual(['@admin:hs.test'])
    expect(await names('order_by=name&dir=b&limit=2')).toEqual(['@carol:hs.test', '@bob:hs.test'])
    expect(await admin.get(`${at}/v2/users?limit=2`)).toMatchObject({ total: 5, next_token: '2' })
    expect(await admin.get(`${at}/v2/users?limit=3&from=2`)).not.toHaveProperty('next_token')

    await admin.post(`${at}/v1/deactivate/@carol:hs.test`, {})
    expect(await names('name=carol')).toEqual([])
    expect(await names('name=carol&deactivated=true')).toEqual(['@carol:hs.test'])
    expect(await names('deactivated=true', 'v3')).toEqual(['@carol:hs.test'])
    expect(await admin.refusal('GET', `${at}/v2/users?order_by=password_hash`)).toMatchObject({ status: 400 })
  })

  test('a user is made, changed and handed out', async () => {
    await using server = await startServer({ database })
    const admin = await registerAdmin(server)
    const path = `${at}/v2/users/@dora:hs.test`
    const made = await admin.request('PUT', path, {
      password: 'first',
      displayname: 'Dora',
      threepids: [{ medium: 'email', address: 'dora@example.org' }],
    })
    expect(made).toMatchObject({ status: 201, body: { name: '@dora:hs.test', displayname: 'Dora', admin: false } })
    const dora = await server.client().login('dora', 'first')
    await dora.put(`/user/${dora.userId}/account_data/test`, { a: 1 })
    expect(await admin.get(path)).toMatchObject({ threepids: [{ address: 'dora@example.org' }] })
    await admin.put(path, { admin: true, threepids: [], avatar_url: 'mxc://hs.test/dora' })
    expect(await admin.get(path)).toMatchObject({ admin: true, threepids: [], avatar_url: 'mxc://hs.test/dora' })
    expect(await admin.get(`${at}/v1/users/${dora.userId}/accountdata`)).toMatchObject({
      account_data: { global: { test: { a: 1 } } },
    })
    expect(await admin.get(`/_domovoi/admin/v1/users/${dora.userId}/export`)).toMatchObject({
      user_id: dora.userId,
      profile: { displayname: 'Dora' },
      account_data: { global: { test: { a: 1 } } },
    })

    await admin.post(`${at}/v1/reset_password/${dora.userId}`, { new_password: 'second' })
    expect(await dora.refusal('GET', '/account/whoami')).toMatchObject({ status: 401 })
    await server.client().login('dora', 'second')
    expect(await admin.refusal('PUT', `${at}/v2/users/@x:other.test`, {})).toMatchObject({ status: 400 })
    expect(await admin.refusal('GET', `${at}/v2/users/@nobody:hs.test`)).toMatchObject({ status: 404 })
  })

  test('devices of users are seen, named and ended', async () => {
    await using server = await startServer({ database })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const path = `${at}/v2/users/${alice.userId}/devices`
    expect(await admin.get(path)).toMatchObject({ total: 1, devices: [{ device_id: alice.deviceId }] })
    await admin.put(`${path}/${alice.deviceId}`, { display_name: 'Lost phone' })
    expect(await admin.get(`${path}/${alice.deviceId}`)).toMatchObject({ display_name: 'Lost phone' })
    await admin.ok('DELETE', `${path}/${alice.deviceId}`)
    expect(await alice.refusal('GET', '/account/whoami')).toMatchObject({ status: 401 })
    expect(await admin.get(path)).toMatchObject({ total: 0 })
  })

  test('codes for sign-up are made, changed and taken back', async () => {
    await using server = await startServer({ database })
    const admin = await registerAdmin(server)
    const path = `${at}/v1/registration_tokens`
    const { token } = await admin.post(`${path}/new`, { uses_allowed: 1, length: 8 })
    expect(token).toHaveLength(8)
    expect(await admin.get(`${path}/${token}`)).toMatchObject({ uses_allowed: 1, completed: 0, expiry_time: null })
    expect(await admin.put(`${path}/${token}`, { uses_allowed: null, expiry_time: 1 })).toMatchObject({
      uses_allowed: null,
      expiry_time: 1,
    })
    expect(await admin.get(`${path}?valid=true`)).toEqual({ registration_tokens: [] })
    await admin.ok('DELETE', `${path}/${token}`)
    expect(await admin.refusal('DELETE', `${path}/${token}`)).toMatchObject({ status: 404 })
  })

  test('rooms are looked into, entered and closed', async () => {
    await using server = await startServer({ database })
    const [admin, alice, bob] = [
      await registerAdmin(server),
      await server.register('alice'),
      await server.register('bob'),
    ]
    const roomId = await alice.createRoom({ name: 'Hidden', room_alias_name: 'hidden', invite: [bob.userId] })
    const room = `${at}/v1/rooms/${encoded(roomId)}`
    expect(await admin.get(`${at}/v1/rooms?search_term=hid`)).toMatchObject({
      total_rooms: 1,
      rooms: [{ room_id: roomId, joined_members: 1, joined_local_members: 1, creator: alice.userId, public: false }],
    })
    expect(await admin.get(`${room}/members`)).toEqual({ members: [alice.userId], total: 1 })
    const { state } = await admin.get(`${room}/state`)
    expect(state).toContainEqual(expect.objectContaining({ type: 'm.room.name', content: { name: 'Hidden' } }))

    await admin.post(`${room}/make_room_admin`, {})
    await admin.setState(roomId, 'm.room.topic', { topic: 'seen by the administrator' })
    expect(await admin.refusal('DELETE', `${at}/v2/rooms/${encoded(roomId)}`, { purge: true })).toMatchObject({
      status: 400,
    })
    const { delete_id: id } = await admin.ok('DELETE', `${at}/v2/rooms/${encoded(roomId)}`, {})
    expect(await admin.get(`${at}/v2/rooms/delete_status/${id}`)).toMatchObject({
      status: 'complete',
      shutdown_room: {
        kicked_users: expect.arrayContaining([alice.userId, bob.userId]),
        local_aliases: ['#hidden:hs.test'],
      },
    })
    expect(await alice.get('/joined_rooms')).toEqual({ joined_rooms: [] })
    expect(await alice.refusal('GET', `/rooms/${encoded(roomId)}/messages?dir=b`)).toMatchObject({ status: 403 })
    expect(await alice.refusal('GET', `/directory/room/${encoded('#hidden:hs.test')}`)).toMatchObject({ status: 404 })
  })

  test('files are found and removed', async () => {
    await using server = await startServer({ database })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const upload = async (bytes: string): Promise<string> =>
      String((await alice.request('POST', '/_matrix/media/v3/upload', bytes)).body['content_uri'])
    const [small, large] = [await upload('x'), await upload('x'.repeat(100))]
    const picture = await upload('picture')
    await alice.put(`/profile/${alice.userId}/avatar_url`, { avatar_url: picture })
    const ofAlice = `${at}/v1/users/${alice.userId}/media`
    expect(await admin.get(`${ofAlice}?limit=1`)).toMatchObject({ total: 3, next_token: '1' })
    expect(await admin.get(`${at}/v1/statistics/users/media`)).toMatchObject({
      users: [{ user_id: alice.userId, media_count: 3, media_length: 108 }],
    })
    const later = Date.now() + 1000
    expect(await admin.post(`${at}/v1/media/delete?before_ts=${later}&size_gt=50`)).toMatchObject({
      deleted_media: [large.split('/').at(-1)],
    })
    expect(await admin.post(`${at}/v1/media/delete?before_ts=${later}`)).toMatchObject({ total: 1 })
    const gone = `/_matrix/client/v1/media/download/${small.slice('mxc://'.length)}`
    expect(await alice.refusal('GET', gone)).toMatchObject({ status: 404 })
    expect(await admin.ok('DELETE', ofAlice)).toMatchObject({ total: 1 })
    expect(await admin.post(`${at}/v1/purge_media_cache?before_ts=${later}`)).toEqual({ deleted: 0 })
  })

  test('reports are read and put away', async () => {
    await using server = await startServer({ database })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    const roomId = await alice.createRoom({ name: 'Loud' })
    const eventId = await alice.send(roomId, 'rude')
    await alice.post(`/rooms/${encoded(roomId)}/report/${encoded(eventId)}`, { reason: 'rude' })
    await alice.post(`/users/${admin.userId}/report`, { reason: 'stern' })
    const { event_reports: found } = await admin.get(`${at}/v1/event_reports`)
    expect(found).toMatchObject([{ event_id: eventId, name: 'Loud', user_id: alice.userId, reason: 'rude' }])
    const path = `${at}/v1/event_reports/${found[0].id}`
    expect(await admin.get(path)).toMatchObject({ event_json: { content: { body: 'rude' } } })
    await admin.ok('DELETE', path)
    expect(await admin.refusal('GET', path)).toMatchObject({ status: 404 })
    expect(await admin.get(`${at}/v1/user_reports`)).toMatchObject({ total: 1, user_reports: [{ reason: 'stern' }] })
  })

  test('what administrators do and try is kept for good, without secrets', async () => {
    await using server = await startServer({ database })
    const [admin, alice] = [await registerAdmin(server), await server.register('alice')]
    await admin.post(`${at}/v1/reset_password/${alice.userId}`, { new_password: 'hunter2', logout_devices: false })
    await admin.refusal('PUT', `/_matrix/client/v1/admin/lock/${admin.userId}`, { locked: true })
    const { entries } = await admin.get('/_domovoi/admin/v1/audit_log?limit=2')
    expect(entries).toMatchObject([
      { action: 'PUT /_matrix/client/v1/admin/lock/:userId', errcode: 'M_FORBIDDEN', details: { locked: true } },
      {
        actor: admin.userId,
        action: 'POST /_synapse/admin/v1/reset_password/:userId',
        details: { userId: alice.userId, logout_devices: false },
        errcode: null,
      },
    ])
    expect(JSON.stringify(entries)).not.toContain('hunter2')
    expect((await admin.get(`/_domovoi/admin/v1/audit_log?before=${entries[1].id}`))['entries']).toEqual([])
  })
})
