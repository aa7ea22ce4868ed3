import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { maxAccountDataBytes } from '../../domain/limits.ts'

const msc3391 = '/_matrix/client/unstable/org.matrix.msc3391'
const room = encodeURIComponent('!room:hs.test')

forEachDatabase(({ dialect }) => {
  test('account data is kept as it was written, for all rooms and for one', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const global = `/user/${alice.userId}/account_data/test.key`
    const ofRoom = `/user/${alice.userId}/rooms/${room}/account_data/test.key`
    expect(await alice.refusal('GET', global)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    const content = { b: 1, a: [1.5, -1, 1e30, '\u0000\u{1F600}', null], empty: {} }
    await alice.put(global, content)
    await alice.put(ofRoom, { room: true })
    expect(await alice.get(global)).toEqual(content)
    expect(await alice.get(ofRoom)).toEqual({ room: true })
    await alice.put(global, { value: 'second' })
    expect(await alice.get(global)).toEqual({ value: 'second' })
  })

  test('deleted account data is gone', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const path = `/user/${alice.userId}/account_data/test.key`
    await alice.put(path, { value: 1 })
    await alice.ok('DELETE', `${msc3391}${path}`)
    await alice.ok('DELETE', `${msc3391}${path}`)
    expect(await alice.refusal('GET', path)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    await alice.put(path, { value: 2 })
    expect(await alice.get(path)).toEqual({ value: 2 })
  })

  test('empty content deletes, and is told to other devices even where nothing was', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const user = `/user/${alice.userId}`
    for (const path of ['', `/rooms/${encodeURIComponent(roomId)}`]) {
      const { next_batch: since } = await alice.sync()
      await alice.put(`${user}${path}/account_data/test.key`, {})
      const answer = await alice.sync({ since })
      const data = path === '' ? answer['account_data'] : answer['rooms'].join[roomId].account_data
      expect(data.events).toEqual([{ type: 'test.key', content: {} }])
      expect(await alice.refusal('GET', `${user}${path}/account_data/test.key`)).toMatchObject({ status: 404 })
    }
    const first = await alice.sync()
    expect(first['account_data'].events).toEqual([expect.objectContaining({ type: 'm.push_rules' })])
    expect(first['rooms'].join[roomId].account_data.events).toEqual([])
  })

  test('the settings of a device go when it goes', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const phone = await server.client().login('alice', 'password of alice')
    const pathOf = (deviceId: string): string =>
      `/user/${alice.userId}/account_data/org.matrix.msc3890.local_notification_settings.${deviceId}`
    for (const deviceId of [alice.deviceId, phone.deviceId]) await alice.put(pathOf(deviceId), { is_silenced: true })
    const { next_batch: since } = await alice.sync()
    await phone.post('/logout')
    expect(await alice.refusal('GET', pathOf(phone.deviceId))).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await alice.get(pathOf(alice.deviceId))).toEqual({ is_silenced: true })
    const told = (await alice.sync({ since }))['account_data'].events as { type: string }[]
    expect(told.map(({ type }) => type.endsWith(phone.deviceId))).toEqual([true])
  })

  test('account data that is refused changes nothing', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const path = `/user/${alice.userId}/account_data`
    for (const type of ['m.push_rules', 'm.fully_read']) {
      expect(await alice.refusal('PUT', `${path}/${type}`, {})).toEqual({ status: 405, errcode: 'M_BAD_JSON' })
      const ofRoom = `/user/${alice.userId}/rooms/${room}/account_data/${type}`
      expect(await alice.refusal('PUT', ofRoom, {})).toEqual({ status: 405, errcode: 'M_BAD_JSON' })
    }
    expect(await bob.refusal('PUT', `${path}/a`, {})).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(await bob.refusal('GET', `${path}/a`)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(await alice.refusal('PUT', `${path}/a`, [])).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
    expect(await alice.refusal('PUT', `${path}/a`, '{')).toEqual({ status: 400, errcode: 'M_NOT_JSON' })
    expect(await alice.refusal('PUT', `${path}/${'a'.repeat(256)}`, {})).toEqual({
      status: 400,
      errcode: 'M_INVALID_PARAM',
    })
    const notARoom = `/user/${alice.userId}/rooms/${encodeURIComponent('@x:hs.test')}/account_data/a`
    expect(await alice.refusal('PUT', notARoom, {})).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    const large = { a: 'x'.repeat(maxAccountDataBytes) }
    expect(await alice.refusal('PUT', `${path}/a`, large)).toEqual({ status: 413, errcode: 'M_TOO_LARGE' })
    expect(await alice.refusal('GET', `${path}/a`)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  })

  test('ignored users are known as soon as they are set', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const { ignoredUsers } = server.server.services
    expect(await ignoredUsers.of('@alice:hs.test')).toEqual(new Set())
    const path = `/user/${alice.userId}/account_data/m.ignored_user_list`
    await alice.put(path, { ignored_users: { '@bob:hs.test': {}, [alice.userId]: {}, nobody: {} } })
    expect(await ignoredUsers.of('@alice:hs.test')).toEqual(new Set(['@bob:hs.test']))
    await alice.put(path, { ignored_users: 'nobody' })
    expect(await ignoredUsers.of('@alice:hs.test')).toEqual(new Set())
  })
})
