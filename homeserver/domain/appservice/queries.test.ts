import { expect, test } from '@jest/globals'
import { TestAppservice } from '../../../test/support/appservice.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'

const encoded = encodeURIComponent
const unknown = { status: 404, body: { errcode: 'M_NOT_FOUND' } }
const register = { type: 'm.login.application_service', inhibit_login: true }

forEachDatabase(({ dialect: database }) => {
  const start = (...services: readonly TestAppservice[]): Promise<TestServer> => {
    const paths = services.map(({ registrationPath }) => `'${registrationPath}'`)
    return startServer({ database, config: `appservices: [${paths.join()}]` })
  }

  test('a ping tells how long it took, or what is wrong, and is for the service itself', async () => {
    await using service = await TestAppservice.start()
    await using other = await TestAppservice.start('other', { url: null })
    await using server = await start(service, other)
    const irc = service.client(server)
    const path = '/_matrix/client/v1/appservice/irc/ping'
    expect(await irc.post(path, { transaction_id: 'meow' })).toEqual({ duration_ms: expect.any(Number) })
    expect(service.told).toMatchObject([
      {
        method: 'POST',
        path: '/_matrix/app/v1/ping',
        authorization: 'Bearer hs_token-of-irc',
        body: { transaction_id: 'meow' },
      },
    ])
    service.answer = () => ({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
    const refused = await irc.request('POST', path, {})
    expect(refused).toMatchObject({ status: 502, body: { errcode: 'M_BAD_STATUS', status: 403 } })
    expect(refused.body['body']).toBe('{"errcode":"M_FORBIDDEN"}')
    const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }
    expect(await other.client(server).refusal('POST', path, {})).toEqual(forbidden)
    expect(await (await server.register('alice')).refusal('POST', path, {})).toEqual(forbidden)
    expect(await server.client().refusal('POST', path, {})).toEqual({ status: 401, errcode: 'M_MISSING_TOKEN' })
    const silent = '/_matrix/client/v1/appservice/other/ping'
    expect(await other.client(server).refusal('POST', silent, {})).toEqual({ status: 400, errcode: 'M_URL_NOT_SET' })
    await service[Symbol.asyncDispose]()
    expect(await irc.refusal('POST', path, {})).toEqual({ status: 502, errcode: 'M_CONNECTION_FAILED' })
  })

  test('a service may listen on a Unix socket', async () => {
    await using service = await TestAppservice.start('irc', { socket: true })
    await using server = await start(service)
    await service.client(server).post('/_matrix/client/v1/appservice/irc/ping', {})
    expect(service.told.map(({ path }) => path)).toEqual(['/_matrix/app/v1/ping'])
  })

  test('a service is asked for aliases of its namespace, and may make the room', async () => {
    await using service = await TestAppservice.start()
    await using server = await start(service)
    const irc = service.client(server)
    const alice = await server.register('alice')
    const [alias, missing] = ['#_irc_kitchen:hs.test', '#_irc_cellar:hs.test']
    service.answer = async ({ path }) => {
      if (path !== `/_matrix/app/v1/rooms/${encoded(alias)}`) return unknown
      await irc.createRoom({ preset: 'public_chat', room_alias_name: '_irc_kitchen' })
      return {}
    }
    const { room_id: roomId } = await alice.post(`/join/${encoded(alias)}`)
    expect(await alice.get(`/directory/room/${encoded(alias)}`)).toMatchObject({ room_id: roomId })
    expect(service.told.filter(({ path }) => path.startsWith('/_matrix/app/v1/rooms'))).toHaveLength(1)
    const notFound = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await alice.refusal('GET', `/directory/room/${encoded(missing)}`)).toEqual(notFound)
    expect(await alice.refusal('GET', `/directory/room/${encoded('#other:hs.test')}`)).toEqual(notFound)
    expect(service.told.some(({ path }) => path.includes('other'))).toBe(false)
  })

  test('its aliases are for the service to make and to remove, and it may make no others', async () => {
    await using service = await TestAppservice.start()
    await using server = await start(service)
    service.answer = () => unknown
    const irc = service.client(server)
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const path = (alias: string): string => `/directory/room/${encoded(alias)}`
    const exclusive = { status: 400, errcode: 'M_EXCLUSIVE' }
    const [own, others] = [path('#_irc_kitchen:hs.test'), path('#kitchen:hs.test')]
    expect(await alice.refusal('PUT', own, { room_id: roomId })).toEqual(exclusive)
    expect(await irc.refusal('PUT', others, { room_id: roomId })).toEqual(exclusive)
    await irc.put(own, { room_id: roomId })
    expect(await alice.refusal('DELETE', own)).toEqual(exclusive)
    await irc.ok('DELETE', own)
    const asSender = { username: 'ircbot', auth: { type: 'm.login.dummy' } }
    expect(await server.client().refusal('POST', '/register', asSender)).toEqual(exclusive)
  })

  test('a service may make a user who is invited before it is told of it', async () => {
    await using service = await TestAppservice.start()
    await using server = await start(service)
    const irc = service.client(server)
    const alice = await server.register('alice')
    const ghost = '@_irc_bob:hs.test'
    service.answer = async ({ path }) => {
      if (path === `/_matrix/app/v1/users/${encoded(ghost)}`)
        await irc.post('/register', { ...register, username: '_irc_bob' })
      return {}
    }
    const roomId = await alice.createRoom({ invite: [ghost] })
    await service.event(({ state_key: key }) => key === ghost)
    expect(service.told.map(({ path }) => path)).toEqual([
      `/_matrix/app/v1/users/${encoded(ghost)}`,
      '/_matrix/app/v1/transactions/1',
    ])
    await irc.post(`/rooms/${encoded(roomId)}/join?user_id=${encoded(ghost)}`)
  })

  test('what several services know of a network is put together', async () => {
    const instance = (network: string) => ({ network_id: network, desc: network, fields: {} })
    const metadata = { user_fields: ['nick'], location_fields: ['channel'], icon: '', field_types: {} }
    await using one = await TestAppservice.start('one', { protocols: ['irc'] })
    await using two = await TestAppservice.start('two', { protocols: ['irc', 'xmpp'] })
    const answer =
      (network: string): TestAppservice['answer'] =>
      ({ path, query }) => {
        const entity = { protocol: 'irc', fields: Object.fromEntries(query) }
        if (path.endsWith('/protocol/irc')) return { body: { ...metadata, instances: [instance(network)] } }
        if (path.endsWith('/user/irc')) return { body: [{ ...entity, userid: `@_${network}_bob:hs.test` }, 'nonsense'] }
        if (path.endsWith('/thirdparty/location')) return { body: [{ ...entity, alias: query.get('alias') }] }
        return unknown
      }
    one.answer = answer('one')
    two.answer = answer('two')
    await using server = await start(one, two)
    const alice = await server.register('alice')
    const irc = await alice.get('/thirdparty/protocol/irc')
    expect(irc).toEqual({
      ...metadata,
      instances: [
        { ...instance('one'), instance_id: 'one|one' },
        { ...instance('two'), instance_id: 'two|two' },
      ],
    })
    const nothing = { ...metadata, user_fields: [], location_fields: [], instances: [] }
    expect(await alice.get('/thirdparty/protocols')).toEqual({ irc, xmpp: nothing })
    expect(one.told).toHaveLength(1)
    expect(await alice.get('/thirdparty/user/irc?nick=bob')).toEqual([
      { protocol: 'irc', fields: { nick: 'bob' }, userid: '@_one_bob:hs.test' },
      { protocol: 'irc', fields: { nick: 'bob' }, userid: '@_two_bob:hs.test' },
    ])
    const alias = '#_two_kitchen:hs.test'
    expect(await alice.get(`/thirdparty/location?alias=${encoded(alias)}`)).toMatchObject([{ protocol: 'irc', alias }])
    for (const path of [
      '/thirdparty/location/irc?channel=x',
      '/thirdparty/user/none',
      '/thirdparty/user?userid=@a:b.c',
    ]) {
      expect(await alice.refusal('GET', path)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    }
  })

  test('a service lists rooms of its networks, and clients look through one of them or all', async () => {
    await using service = await TestAppservice.start('irc', { url: null })
    await using server = await start(service)
    const irc = service.client(server)
    const alice = await server.register('alice')
    const bridged = await irc.createRoom({ name: 'Bridged' })
    const published = await alice.createRoom({ name: 'Published', visibility: 'public', preset: 'public_chat' })
    const path = `/directory/list/appservice/libera/${encoded(bridged)}`
    expect(await alice.refusal('PUT', path, { visibility: 'public' })).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    await irc.put(path, { visibility: 'public' })
    const listed = async (body: object): Promise<unknown[]> => {
      const { chunk, total_room_count_estimate: total } = await alice.post('/publicRooms', body)
      expect(total).toBe(chunk.length)
      return (chunk as { room_id: string }[]).map(({ room_id: id }) => id).toSorted()
    }
    expect(await listed({})).toEqual([published])
    expect(await listed({ third_party_instance_id: 'irc|libera' })).toEqual([bridged])
    expect(await listed({ third_party_instance_id: 'irc|other' })).toEqual([])
    expect(await listed({ include_all_networks: true })).toEqual([bridged, published].toSorted())
    const both = { third_party_instance_id: 'irc|libera', include_all_networks: true }
    expect(await alice.refusal('POST', '/publicRooms', both)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    await irc.put(path, { visibility: 'private' })
    expect(await listed({ include_all_networks: true })).toEqual([published])
  })

  test('a time that is none is refused', async () => {
    await using service = await TestAppservice.start()
    await using server = await start(service)
    const irc = service.client(server)
    const roomId = await irc.createRoom()
    const path = `/rooms/${encoded(roomId)}/send/m.room.message`
    const { event_id: eventId } = await irc.put(`${path}/1?ts=1234`, { body: 'old' })
    expect(await irc.get(`/rooms/${encoded(roomId)}/event/${encoded(eventId)}`)).toMatchObject({
      origin_server_ts: 1234,
    })
    for (const ts of ['yesterday', '-1', '1.5', '1e99']) {
      expect(await irc.refusal('PUT', `${path}/2?ts=${ts}`, {})).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    }
  })

  test('registrations that come and go count from their reload on, and what waits is not lost', async () => {
    await using one = await TestAppservice.start('one')
    await using two = await TestAppservice.start('two')
    await using server = await start(one)
    const alice = await server.register('alice')
    const unknownToken = { status: 401, errcode: 'M_UNKNOWN_TOKEN' }
    expect(await two.client(server).refusal('GET', '/account/whoami')).toEqual(unknownToken)
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await one.client(server).post(`/rooms/${encoded(roomId)}/join`)
    await one.event(({ type }) => type === 'm.room.member')
    await server.server.reload({ appservices: [two.registrationPath] })
    expect(await one.client(server).refusal('GET', '/account/whoami')).toEqual(unknownToken)
    await two.client(server).post(`/rooms/${encoded(roomId)}/join`)
    await alice.send(roomId, 'while one is away')
    await two.event(({ type }) => type === 'm.room.message')
    expect(one.events.some(({ type }) => type === 'm.room.message')).toBe(false)
    await expect(server.server.reload({ appservices: ['/nowhere'] })).rejects.toThrow()
    await server.server.reload({ appservices: [two.registrationPath, one.registrationPath] })
    await one.event(({ type }) => type === 'm.room.message')
    const ids = two.transactions.map(({ path }) => path)
    expect(new Set(ids).size).toBe(ids.length)
  })
})
