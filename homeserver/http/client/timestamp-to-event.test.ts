import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Federation } from '../../../test/support/federation.ts'
import { startServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const describeTls = hasOpenssl ? describe : describe.skip

function pathOf(roomId: string): string {
  return `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event`
}

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
    const v1 = pathOf(roomId)
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

  describeTls('over TLS', () => {
    test('an event from before the join is found on the server that has it, and history goes on from there', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const clock = new FakeClock()
      const options = { database: dialect, parts: { clock } }
      const hs1 = await federation.start('hs1.test', options)
      const hs2 = await federation.start('hs2.test', options)
      const [alice, bob] = [await hs1.server.register('alice'), await hs2.server.register('bob')]
      const created = clock.now()
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      const sent: string[] = []
      for (let n = 0; n < 3; n++) {
        await clock.advance(1000)
        sent.push(await alice.send(roomId, `message ${n}`))
      }
      await clock.advance(1000)
      await bob.post(`/join/${encodeURIComponent(roomId)}?via=hs1.test`)
      const find = async (who: Client, ms: number, dir: string): Promise<unknown> =>
        (await who.get(`${pathOf(roomId)}?ts=${created + ms}&dir=${dir}`))['event_id']

      expect(await find(bob, 2500, 'b')).toBe(sent[1])
      expect(await find(bob, 500, 'f')).toBe(sent[0])
      expect(await find(bob, 2500, 'f')).toBe(sent[2])
      const absent = { status: 404, errcode: 'M_NOT_FOUND' }
      expect(await bob.refusal('GET', `${pathOf(roomId)}?ts=${created - 1}&dir=b`)).toEqual(absent)

      const room = `/rooms/${encodeURIComponent(roomId)}`
      const { end } = await bob.get(`${room}/context/${encodeURIComponent(sent[1] ?? '')}?limit=0`)
      const { chunk } = await bob.get(`${room}/messages?dir=b&limit=2&from=${end}`)
      expect(chunk.map((event: { event_id: string }) => event.event_id)).toEqual([sent[1], sent[0]])
    })
  })
})
