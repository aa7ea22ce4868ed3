import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

forEachDatabase(({ dialect }) => {
  test('the event nearest to a time is found in either direction', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database: dialect, parts: { clock } })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const created = clock.now()
    const roomId = await alice.createRoom()
    const sent: string[] = []
    for (const ms of [1000, 1000, 0]) {
      await clock.advance(ms)
      sent.push(await alice.send(roomId, 'x'))
    }
    const v1 = `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event`
    const find = async (ms: number, dir: string): Promise<unknown[]> => {
      const { event_id, origin_server_ts } = await alice.get(`${v1}?ts=${created + ms}&dir=${dir}`)
      return [event_id, origin_server_ts - created]
    }
    expect(await find(500, 'f')).toEqual([sent[0], 1000])
    expect(await find(1500, 'b')).toEqual([sent[0], 1000])
    // Of two events of the same time it is the one that is met first.
    expect(await find(1500, 'f')).toEqual([sent[1], 2000])
    expect(await find(9000, 'b')).toEqual([sent[2], 2000])
    const notFound = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await alice.refusal('GET', `${v1}?ts=${created + 9000}&dir=f`)).toEqual(notFound)
    expect(await alice.refusal('GET', `${v1}?ts=${created - 1}&dir=b`)).toEqual(notFound)
    expect(await bob.refusal('GET', `${v1}?ts=${created}&dir=f`)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(await alice.refusal('GET', `${v1}?dir=f`)).toEqual({ status: 400, errcode: 'M_MISSING_PARAM' })
    expect(await alice.refusal('GET', `${v1}?ts=soon&dir=f`)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    const unstable = v1.replace('/v1/rooms', '/unstable/org.matrix.msc3030/rooms')
    expect((await alice.get(`${unstable}?ts=${created + 500}&dir=f`))['event_id']).toBe(sent[0])
  })
})
