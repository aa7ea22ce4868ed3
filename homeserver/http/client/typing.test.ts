import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import type { RoomId } from '../../core/ids.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

forEachDatabase(({ dialect }) => {
  test('who types is told until the time is over, the user stops or leaves', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database: dialect, parts: { clock } })
    const { typing } = server.server.services
    const alice = await server.register('alice')
    const roomId = (await alice.createRoom()) as RoomId
    const path = `/rooms/${encodeURIComponent(roomId)}/typing/${alice.userId}`
    expect(typing.typersSince(roomId, 0)).toBeUndefined()

    await alice.put(path, { typing: true, timeout: 10_000 })
    expect(typing.typersSince(roomId, 0)).toEqual([alice.userId])

    await clock.advance(9_000)
    await alice.put(path, { typing: true, timeout: 10_000 })
    await clock.advance(9_000)
    expect(typing.typersSince(roomId, 0)).toEqual([alice.userId])
    await clock.advance(1_000)
    expect(typing.typersSince(roomId, 0)).toBeUndefined()
    expect(typing.typersSince(roomId, 1)).toEqual([])

    await alice.put(path, { typing: true })
    await alice.put(path, { typing: false })
    await alice.put(path, { typing: false })
    expect(typing.typersSince(roomId, 1)).toEqual([])

    await alice.put(path, { typing: true })
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/leave`)
    expect(typing.typersSince(roomId, 1)).toEqual([])
  })

  test('only members type, and only for themselves', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const roomId = await alice.createRoom()
    const path = `/rooms/${encodeURIComponent(roomId)}/typing`
    const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }
    expect(await bob.refusal('PUT', `${path}/${bob.userId}`, { typing: true })).toEqual(forbidden)
    expect(await bob.refusal('PUT', `${path}/${alice.userId}`, { typing: true })).toEqual(forbidden)
    const badJson = { status: 400, errcode: 'M_BAD_JSON' }
    expect(await alice.refusal('PUT', `${path}/${alice.userId}`, { typing: 1 })).toEqual(badJson)
    const missing = { status: 400, errcode: 'M_MISSING_PARAM' }
    expect(await alice.refusal('PUT', `${path}/${alice.userId}`, {})).toEqual(missing)
    expect(server.server.services.typing.typersSince(roomId as RoomId, 0)).toBeUndefined()
  })
})
