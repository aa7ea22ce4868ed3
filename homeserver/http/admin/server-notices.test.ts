import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { registerAdmin } from '../../../test/support/admin.ts'

const path = '/_synapse/admin/v1/send_server_notice'
const encoded = encodeURIComponent

/** The only room in a section of a sync answer. */
async function roomIn(client: Client, section: 'invite' | 'join'): Promise<string> {
  const { rooms } = await client.sync()
  const [roomId = ''] = Object.keys(rooms?.[section] ?? {})
  return roomId
}

forEachDatabase(({ dialect }) => {
  const start = (): Promise<TestServer> => startServer({ database: dialect })
  const notice = (to: Client, body: string) => ({ user_id: to.userId, content: { msgtype: 'm.text', body } })

  test('administrators speak to a user in one room, which the user may leave but not reject', async () => {
    await using server = await start()
    const admin = await registerAdmin(server)
    const alice = await server.register('alice')
    const { event_id: eventId } = await admin.post(path, notice(alice, 'hello'))
    const roomId = await roomIn(alice, 'invite')
    expect(await alice.refusal('POST', `/rooms/${encoded(roomId)}/leave`, {})).toEqual({
      status: 403,
      errcode: 'M_CANNOT_LEAVE_SERVER_NOTICE_ROOM',
    })
    await alice.post(`/rooms/${encoded(roomId)}/join`)
    const { rooms } = await alice.sync()
    const room = rooms.join[roomId]
    expect(room.timeline.events.at(-2)).toMatchObject({ event_id: eventId, sender: '@_server:hs.test' })
    expect(room.account_data.events).toContainEqual({ type: 'm.tag', content: { tags: { 'm.server_notice': {} } } })
    expect(await alice.refusal('PUT', `/rooms/${encoded(roomId)}/send/m.room.message/1`, {})).toMatchObject({
      status: 403,
    })

    await alice.post(`/rooms/${encoded(roomId)}/leave`)
    await admin.post(path, notice(alice, 'again'))
    expect(await roomIn(alice, 'invite')).toBe(roomId)
  })

  test('numbers beyond those of JavaScript are noted, rounded, among what administrators do', async () => {
    await using server = await start()
    const admin = await registerAdmin(server)
    const alice = await server.register('alice')
    const body = `{"user_id":"${alice.userId}","content":{},"big":-9007199254740993,"exact":1.50}`
    const headers = { Authorization: `Bearer ${admin.token}` }
    expect((await fetch(server.url + path, { method: 'POST', headers, body })).status).toBe(200)
    const { entries } = await admin.get('/_domovoi/admin/v1/audit_log?limit=1')
    expect(entries).toMatchObject([{ details: { big: -9007199254740992, exact: 1.5 } }])
  })

  test('a notice sent twice under one transaction id is one', async () => {
    await using server = await start()
    const admin = await registerAdmin(server)
    const alice = await server.register('alice')
    const [first, second] = [
      await admin.put(`${path}/1`, notice(alice, 'x')),
      await admin.put(`${path}/1`, notice(alice, 'x')),
    ]
    expect(second).toEqual(first)
    expect((await admin.put(`${path}/2`, notice(alice, 'x')))['event_id']).not.toBe(first['event_id'])
  })

  test('nobody else may, and only users of this server hear of it', async () => {
    await using server = await start()
    const admin = await registerAdmin(server)
    const alice = await server.register('alice')
    const content = { msgtype: 'm.text', body: 'x' }
    expect(await alice.refusal('POST', path, {})).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    for (const userId of ['@bob:elsewhere.test', '@_server:hs.test', 'alice']) {
      expect(await admin.refusal('POST', path, { user_id: userId, content })).toMatchObject({ status: 400 })
    }
    expect(await admin.refusal('POST', path, { user_id: '@nobody:hs.test', content })).toMatchObject({ status: 404 })
    expect(await admin.refusal('POST', path, { user_id: alice.userId })).toMatchObject({ status: 400 })
  })

  test('nobody can take the name of the server', async () => {
    await using server = await start()
    const body = { username: '_server', password: 'secret', auth: { type: 'm.login.dummy' } }
    expect(await server.client().refusal('POST', '/register', body)).toEqual({ status: 400, errcode: 'M_USER_IN_USE' })
  })
})
