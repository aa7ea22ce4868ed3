import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

forEachDatabase(({ dialect }) => {
  test('events are reported by members, rooms and users by anybody, and nobody learns what exists', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const event = await alice.send(roomId, 'rude')
    const path = `/rooms/${encodeURIComponent(roomId)}/report`
    const refused = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await bob.refusal('POST', `${path}/${event}`, { reason: 'rude' })).toEqual(refused)
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/join`)
    expect(await bob.post(`${path}/${event}`, { reason: 'rude', score: -100 })).toEqual({})
    expect(await bob.post(`${path}/${event}`)).toEqual({})
    expect(await bob.refusal('POST', `${path}/$nothing`, {})).toEqual(refused)
    for (const target of [path, '/rooms/!nowhere:hs.test/report']) {
      expect(await bob.post(target, { reason: '' })).toEqual({})
    }
    for (const user of [alice.userId, '@nobody:hs.test', '@somebody:elsewhere.test']) {
      expect(await bob.post(`/users/${user}/report`, { reason: 'rude\u0000' })).toEqual({})
    }
    expect(await bob.refusal('POST', path, {})).toEqual({ status: 400, errcode: 'M_MISSING_PARAM' })
    expect(await bob.refusal('POST', path, { reason: 1 })).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
    const long = { reason: 'x'.repeat(10_001) }
    expect(await bob.refusal('POST', path, long)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
  })
})
