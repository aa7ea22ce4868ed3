/** What a hostile server, or a crowd, does to a whole server. The ids are those of the threats in docs/security.md. */
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import type { Json, JsonObject } from '../../homeserver/core/event.ts'
import type { EventId, RoomId, UserId } from '../../homeserver/core/ids.ts'
import { hasOpenssl } from '../support/certificates.ts'
import { forEachDatabase } from '../support/databases.ts'
import { startBeside } from '../support/hostile-server.ts'
import { startServer } from '../support/server.ts'

const describeTls = hasOpenssl ? describe : describe.skip

/** What is told of a room to those who are invited: an event in one, or what is none. */
const strippedName = { type: 'm.room.name', state_key: '', sender: '@creator:evil.test', content: { name: 'Trap' } }
const oddStates: readonly Json[] = [
  null,
  7,
  'state',
  {},
  { events: [strippedName] },
  [null, [null], 7, {}, { type: 7 }, { ...strippedName, content: null }, { ...strippedName, sender: 'nobody' }],
  [{ ...strippedName, content: { name: { deep: [null, { deeper: [null] }] } } }],
  [{ ...strippedName, content: { name: 'x'.repeat(100_000) } }],
  Array.from({ length: 5_000 }, (_, at) => ({ ...strippedName, type: `t${at}` })),
]

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('T17: whatever is told with an invitation, the sync is well', async () => {
      const { federation, ours, evil } = await startBeside({ database: dialect })
      await using _ = federation
      const alice = await ours.server.register('alice')
      const userId = alice.userId as UserId
      for (const told of oddStates) {
        const room = evil.room('11')
        const content = { membership: 'invite' }
        const event = room.make({ type: 'm.room.member', sender: room.creator, stateKey: userId, content })
        const path = [room.roomId, event.eventId].map(encodeURIComponent).join('/')
        const body = { room_version: '11', event: event.pdu, invite_room_state: told }
        await evil.call(ours, 'PUT', `/_matrix/federation/v2/invite/${path}`, body)
      }
      const { rooms } = await alice.sync()
      const invites = Object.values(rooms.invite as Record<string, { invite_state: { events: JsonObject[] } }>)
      expect(invites).toHaveLength(oddStates.length)
      for (const { invite_state: state } of invites) {
        expect(state.events.length).toBeLessThanOrEqual(60)
        expect(JSON.stringify(state).length).toBeLessThan(70_000)
        for (const event of state.events) expect(event).toMatchObject({ type: expect.any(String), content: {} })
      }
    })

    test('T17: in version 12 nothing is shown with an invitation that its author has not hashed', async () => {
      const { federation, ours, evil } = await startBeside({ database: dialect })
      await using _ = federation
      const alice = await ours.server.register('alice')
      const room = evil.room('12')
      const name = room.add({
        type: 'm.room.name',
        sender: room.creator,
        stateKey: '',
        content: { name: 'Hall' },
      })
      const content = { membership: 'invite' }
      const draft = { type: 'm.room.member', sender: room.creator, stateKey: alice.userId, content }
      const renamed = { ...name.pdu, content: { name: 'Bank' } }
      const state = room.stateOf().map(({ pdu }) => pdu)
      for (const told of [
        [...state, renamed],
        [renamed, ...state],
      ]) {
        const event = room.make(draft)
        const path = [room.roomId, event.eventId].map(encodeURIComponent).join('/')
        const body = { room_version: '12', event: event.pdu, invite_room_state: told }
        expect((await evil.call(ours, 'PUT', `/_matrix/federation/v2/invite/${path}`, body)).status).toBe(200)
        const { rooms } = await alice.sync()
        const shown = rooms.invite[room.roomId].invite_state.events as JsonObject[]
        expect(JSON.stringify(shown)).not.toContain('Bank')
        expect(shown.filter(({ type }) => type === 'm.room.create')).toHaveLength(1)
        await alice.post(`/rooms/${encodeURIComponent(room.roomId)}/leave`)
      }
    })

    test('T36: of a chain with ever more ways back each event is looked at once', async () => {
      const { federation, ours, evil } = await startBeside({ database: dialect })
      await using _ = federation
      const alice = await ours.server.register('alice')
      const room = evil.room('11')
      // Each member event cites the power levels and the one before, and the next power levels cite both.
      for (let round = 0; round < 300; round++) {
        room.add({
          type: 'm.room.member',
          sender: room.creator,
          stateKey: room.creator,
          content: { membership: 'join', displayname: `${round}` },
        })
        const content = { users: { [room.creator]: 100 }, events: { [`e${round}`]: 50 } }
        room.add({ type: 'm.room.power_levels', sender: room.creator, stateKey: '', content })
      }
      await evil.letIn(room, alice)
      const [left, right] = [room.fork(), room.fork()]
      const topics = [room.topic('left', { on: left }), room.topic('right', { on: right })]
      await evil.send(ours, { pdus: topics.map(({ pdu }) => pdu) })
      await ours.server.server.services.roomInbox.settle()
      const path = [room.roomId, topics[0]?.eventId ?? ''].map(encodeURIComponent).join('/')
      const { body } = await evil.call(ours, 'GET', `/_matrix/federation/v1/event_auth/${path}`)
      const chain = body['auth_chain'] as readonly JsonObject[]
      expect(new Set(chain.map((event) => JSON.stringify(event))).size).toBe(chain.length)
      expect(chain.length).toBeGreaterThan(600)
      expect(chain.length).toBeLessThanOrEqual(room.events.size)
    })

    test('T37: a room that is torn apart is whole again with our next event, and others go on', async () => {
      const { federation, ours, evil } = await startBeside({ database: dialect })
      await using _ = federation
      const [alice, bob] = [await ours.server.register('alice'), await ours.server.register('bob')]
      const room = evil.room('11')
      await evil.letIn(room, alice)
      const own = await bob.createRoom()
      const forks = Array.from({ length: 100 }, () => room.fork())
      const pdus = forks.map((on, at) => room.topic(`${at}`, { on }).pdu)
      for (let from = 0; from < pdus.length; from += 50) await evil.send(ours, { pdus: pdus.slice(from, from + 50) })
      await bob.send(own, 'still here')
      await ours.server.server.services.roomInbox.settle()
      const { events } = ours.server.server.services
      const first = await events.find((await alice.send(room.roomId, 'one')) as EventId)
      expect(first?.pdu.prev_events.length).toBeLessThanOrEqual(20)
      const second = await events.find((await alice.send(room.roomId, 'two')) as EventId)
      expect(second?.pdu.prev_events).toEqual([first?.eventId])
    })
  })

  test('T54: a server that pours out transactions waits for itself, and for nobody else', async () => {
    const { federation, ours, evil } = await startBeside()
    await using _ = federation
    const alice = await ours.server.register('alice')
    const room = evil.room('11')
    await evil.letIn(room, alice)
    const pdus = Array.from({ length: 10 }, (__, at) => room.say(`${at}`).pdu)
    const receiver = ours.server.server.services.transactionReceiver
    const pour = (origin: string, pdu: JsonObject, txnId: number) =>
      receiver.receive({ origin, txnId: `${txnId}`, pdus: [pdu], edus: [] })
    const flood = Promise.allSettled(pdus.map((pdu, at) => pour('evil.test', pdu, at)))
    await expect(pour('other.test', {}, 0)).resolves.toEqual({ pdus: {} })
    const refused = (await flood).flatMap((result, at) => (result.status === 'rejected' ? [{ at, ...result }] : []))
    expect(refused.length).toBeGreaterThanOrEqual(7)
    for (const { reason } of refused) expect(reason).toMatchObject({ status: 429, errcode: 'M_LIMIT_EXCEEDED' })
    for (const { at } of refused) await pour('evil.test', pdus[at] ?? {}, at)
    await ours.server.server.services.roomInbox.settle()
    const { chunk } = await alice.get(`/rooms/${encodeURIComponent(room.roomId)}/messages?dir=b&limit=50`)
    const said = (chunk as { content: JsonObject }[]).flatMap(({ content: { body } }) => body ?? [])
    expect(new Set(said)).toEqual(new Set(pdus.map((__, at) => `${at}`)))
  })
})

test('T47: clients that send a request drop by drop keep nobody from an answer', async () => {
  await using server = await startServer({})
  const alice = await server.register('alice')
  const roomId = (await alice.createRoom()) as RoomId
  const { hostname, port } = new URL(server.url)
  const sockets = await Promise.all(
    Array.from({ length: 200 }, async (): Promise<Socket> => {
      const socket = connect(Number(port), hostname).on('error', () => undefined)
      await once(socket, 'connect')
      socket.write('GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\nX-Drop: ')
      return socket
    }),
  )
  for (const socket of sockets) socket.write('d')
  await alice.send(roomId, 'heard')
  for (const socket of sockets) socket.destroy()
})
