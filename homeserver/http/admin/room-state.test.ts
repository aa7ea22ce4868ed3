import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { registerAdmin } from '../../../test/support/admin.ts'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { type Dialect, forEachDatabase } from '../../../test/support/databases.ts'
import { Federation } from '../../../test/support/federation.ts'
import { startServer } from '../../../test/support/server.ts'
import type { Pdu } from '../../core/event.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import { finishEvent } from '../../core/pdu.ts'
import { roomVersions } from '../../core/room-version.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'

const describeTls = hasOpenssl ? describe : describe.skip

/** A room of hs1 whose topic hs2 has lost, as if it had been told a wrong state. */
async function startAtOdds(database: Dialect, version: '10' | '12') {
  const key = signingKeyFromSeed('hs2', randomBytes(32))
  const federation = await Federation.make('hs1.test', 'hs2.test')
  const hs1 = await federation.start('hs1.test', { database })
  const hs2 = await federation.start('hs2.test', { database, parts: { signingKeys: [key] } })
  const [alice, bob, admin] = [
    await hs1.server.register('alice'),
    await hs2.server.register('bob'),
    await registerAdmin(hs2.server),
  ]
  const roomId = await alice.createRoom({ preset: 'public_chat', topic: 'truth', room_version: version })
  await bob.post(`/join/${encodeURIComponent(roomId)}?via=hs1.test`)

  const { writer } = hs2.server.server.services
  const id = roomId as RoomId
  const sender = bob.userId as UserId
  const draft = { type: 'm.room.message', sender, content: { msgtype: 'm.text', body: 'from another state' } }
  const pdu = { ...(await writer.prepare(id, draft)), origin_server_ts: Date.now() } as Pdu
  const event = finishEvent(pdu, roomVersions[version], { serverName: 'hs2.test', key })
  const state = (await bob.get(`/rooms/${encodeURIComponent(roomId)}/state`)) as { type: string; event_id: EventId }[]
  const wrong = state.filter(({ type }) => type !== 'm.room.topic').map((each) => each.event_id)
  await writer.adopt({ roomId: id, version: roomVersions[version], event, state: wrong })
  await seen(alice, roomId, event.eventId)
  return { federation, alice, bob, admin, roomId, path: `/_domovoi/admin/v1/rooms/${encodeURIComponent(roomId)}` }
}

/** Resolves when the client hears of the event. */
async function seen(client: Client, roomId: string, eventId: string): Promise<void> {
  for (let since: Record<string, string> = {}; ;) {
    const { rooms, next_batch: next } = await client.sync({ timeout: 10_000, ...since })
    const { state, timeline } = rooms?.join?.[roomId] ?? {}
    const events: { event_id: string }[] = [...(state?.events ?? []), ...(timeline?.events ?? [])]
    if (events.some((event) => event.event_id === eventId)) return
    since = { since: next as string }
  }
}

async function stateOf(client: Client, roomId: string): Promise<string[]> {
  const events = (await client.get(`/rooms/${encodeURIComponent(roomId)}/state`)) as { event_id: string }[]
  return events.map((event) => event.event_id).toSorted()
}

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test.each(['10', '12'] as const)(
      'a state of version %s that went wrong is taken from another server',
      async (version) => {
        const { federation, alice, bob, admin, roomId, path } = await startAtOdds(dialect, version)
        await using _ = federation
        const topic = `/rooms/${encodeURIComponent(roomId)}/state/m.room.topic`
        expect(await bob.refusal('GET', topic)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
        expect(await admin.get(`${path}/state_branches`)).toMatchObject({
          room_version: version,
          forward_extremities: [{ sender: bob.userId }],
          total_conflicts: 0,
          conflicts: [],
        })
        const atOdds = { type: 'm.room.topic', state_key: '', here: null, there: { content: { topic: 'truth' } } }
        expect(await admin.get(`${path}/state_of/hs1.test`)).toMatchObject({ total: 1, differences: [atOdds] })

        const taken = await admin.post(`${path}/take_state`, { server: 'hs1.test' })
        expect(taken).toMatchObject({ user_id: bob.userId, total: 2 })
        expect(taken['differences']).toContainEqual(
          expect.objectContaining({ type: 'm.room.topic', before: null, now: expect.anything() }),
        )
        expect(await bob.get(topic)).toMatchObject({ topic: 'truth' })
        expect(await stateOf(bob, roomId)).toEqual(await stateOf(alice, roomId))
        expect(await admin.get(`${path}/state_of/hs1.test`)).toMatchObject({ total: 0, differences: [] })

        // Both go on from there.
        await seen(alice, roomId, await bob.send(roomId, 'as it was'))
        await seen(bob, roomId, await alice.setState(roomId, 'm.room.topic', { topic: 'news' }))
        expect(await stateOf(bob, roomId)).toEqual(await stateOf(alice, roomId))
        const { entries } = await admin.get('/_domovoi/admin/v1/audit_log')
        expect(entries[0]).toMatchObject({
          action: 'POST /_domovoi/admin/v1/rooms/:roomId/take_state',
          details: { roomId, server: 'hs1.test' },
        })
      },
    )

    test('a state is taken from no server that cannot be asked, and for nobody of another server', async () => {
      const { federation, alice, bob, admin, roomId, path } = await startAtOdds(dialect, '12')
      await using _ = federation
      const before = await stateOf(bob, roomId)
      const take = (body: object) => admin.refusal('POST', `${path}/take_state`, body)
      expect(await take({ server: 'down.test' })).toMatchObject({ status: 502 })
      expect(await take({ server: 'hs2.test' })).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
      expect(await take({ server: 'hs1.test', user_id: alice.userId })).toEqual({
        status: 400,
        errcode: 'M_INVALID_PARAM',
      })
      expect(await admin.refusal('GET', `${path}/state_of/no server`)).toMatchObject({ status: 400 })
      const nowhere = '/_domovoi/admin/v1/rooms/!nowhere:hs1.test'
      expect(await admin.refusal('GET', `${nowhere}/state_branches`)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
      expect(await admin.refusal('GET', `${nowhere}/state_of/hs1.test`)).toMatchObject({ status: 404 })
      const named = { server: 'hs1.test', user_id: bob.userId }
      expect(await admin.refusal('POST', `${nowhere}/take_state`, named)).toMatchObject({ status: 404 })
      expect(await bob.refusal('POST', `${path}/take_state`, { server: 'hs1.test' })).toMatchObject({ status: 403 })
      expect(await stateOf(bob, roomId)).toEqual(before)
    })
  })
})

test('a panel is shown the forward extremities of a room; a server that talks to no other takes no state', async () => {
  await using server = await startServer({ config: 'federation: { mode: off }' })
  const admin = await registerAdmin(server)
  const roomId = await admin.createRoom({})
  const eventId = await admin.send(roomId, 'last')
  const path = `rooms/${encodeURIComponent(roomId)}`
  expect(await admin.get(`/_synapse/admin/v1/${path}/forward_extremities`)).toMatchObject({
    count: 1,
    results: [{ event_id: eventId, depth: expect.any(Number), state_group: expect.any(Number) }],
  })
  const refused = { status: 403, errcode: 'M_FORBIDDEN' }
  expect(await admin.refusal('GET', `/_domovoi/admin/v1/${path}/state_of/other.test`)).toEqual(refused)
  expect(await admin.refusal('POST', `/_domovoi/admin/v1/${path}/take_state`, { server: 'other.test' })).toEqual(
    refused,
  )
})
