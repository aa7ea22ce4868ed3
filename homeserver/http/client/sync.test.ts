import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely

const typesOf = (events: Json[]): string[] => events.map(({ type }) => String(type))
const bodiesOf = (events: Json[]): string[] => events.flatMap(({ content }) => content.body ?? [])

async function join(client: Client, roomId: string): Promise<void> {
  await client.post(`/join/${encodeURIComponent(roomId)}`)
}

async function two(server: TestServer, options: Json = {}): Promise<{ alice: Client; bob: Client; roomId: string }> {
  const [alice, bob] = [await server.register('alice'), await server.register('bob')]
  return { alice, bob, roomId: await alice.createRoom({ preset: 'public_chat', ...options }) }
}

forEachDatabase(({ dialect: database }) => {
  test('the first sync tells joined rooms with state, timeline and counts, and what the user keeps', async () => {
    await using server = await startServer({ database })
    const { alice, roomId } = await two(server, { name: 'Garden' })
    for (let n = 1; n <= 12; n++) await alice.send(roomId, `m${n}`)
    const answer = await alice.sync()
    const room = answer['rooms'].join[roomId]
    expect(bodiesOf(room.timeline.events)).toEqual(Array.from({ length: 10 }, (_, n) => `m${n + 3}`))
    expect(room.timeline.limited).toBe(true)
    expect(typesOf(room.state.events)).toEqual(
      expect.arrayContaining(['m.room.create', 'm.room.member', 'm.room.name']),
    )
    expect(room.summary).toEqual({ 'm.joined_member_count': 1, 'm.invited_member_count': 0 })
    expect(room.unread_notifications).toEqual({ highlight_count: 0, notification_count: 0 })
    expect(typesOf(answer['account_data'].events)).toContain('m.push_rules')
    expect(answer['device_one_time_keys_count']).toEqual({ signed_curve25519: 0 })
    expect(answer['device_unused_fallback_key_types']).toEqual([])
    const before = await alice.get(
      `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&from=${room.timeline.prev_batch}`,
    )
    expect(bodiesOf(before['chunk'])).toEqual(['m2', 'm1'])
  })

  test('an incremental sync tells what is new, once, and to the sending device its transaction id', async () => {
    await using server = await startServer({ database })
    const { alice, bob, roomId } = await two(server)
    await join(bob, roomId)
    let [a, b] = [await alice.sync(), await bob.sync()]
    const eventId = await alice.send(roomId, 'hello')
    a = await alice.sync({ since: a['next_batch'] })
    b = await bob.sync({ since: b['next_batch'] })
    const [own, others] = [a, b].map((answer) => answer['rooms'].join[roomId].timeline)
    expect([own.events.length, own.limited, own.events[0].event_id]).toEqual([1, false, eventId])
    expect(own.events[0].unsigned).toMatchObject({ transaction_id: expect.any(String), membership: 'join' })
    expect(own.events[0]).not.toHaveProperty('room_id')
    expect(others.events[0].unsigned).not.toHaveProperty('transaction_id')
    expect(a['rooms'].join[roomId].state.events).toEqual([])
    for (const [client, answer] of [
      [alice, a],
      [bob, b],
    ] as const) {
      const nothing = await client.sync({ since: answer['next_batch'] })
      expect(nothing).not.toHaveProperty('rooms')
    }
  })

  test('a gap is told as such, with the state that changed in it', async () => {
    await using server = await startServer({ database })
    const { alice, roomId } = await two(server)
    const filter = JSON.stringify({ room: { timeline: { limit: 2 } } })
    const { next_batch: since } = await alice.sync()
    await alice.setState(roomId, 'm.room.topic', { topic: 'first' })
    await alice.setState(roomId, 'm.room.name', { name: 'old' })
    await alice.send(roomId, 'lost')
    await alice.setState(roomId, 'm.room.name', { name: 'new' })
    await alice.send(roomId, 'kept')
    for (const key of ['state', 'state_after', 'org.matrix.msc4222.state_after']) {
      const parameter = key === 'state' ? {} : { [key.replace('state_after', 'use_state_after')]: 'true' }
      const room = (await alice.sync({ since, filter, ...parameter }))['rooms'].join[roomId]
      expect(room.timeline.limited).toBe(true)
      expect(typesOf(room.timeline.events)).toEqual(['m.room.name', 'm.room.message'])
      expect(room.timeline.events[0].unsigned.prev_content).toEqual({ name: 'old' })
      const state = Object.fromEntries(room[key].events.map((event: Json) => [event['type'], event['content']]))
      expect(state).toEqual({
        'm.room.topic': { topic: 'first' },
        'm.room.name': { name: key === 'state' ? 'old' : 'new' },
      })
    }
  })

  test('a long poll answers when something comes, and empty when nothing does', async () => {
    await using server = await startServer({ database })
    const { alice, bob, roomId } = await two(server)
    await join(bob, roomId)
    const filter = JSON.stringify({ presence: { types: [] } })
    const { next_batch: since } = await bob.sync({ filter })
    const waiting = bob.sync({ since, timeout: 20_000, filter })
    await alice.send(roomId, 'wake up')
    expect(bodiesOf((await waiting)['rooms'].join[roomId].timeline.events)).toEqual(['wake up'])
    const quiet = await server.register('carol')
    const first = await quiet.sync({ filter })
    expect(await quiet.sync({ since: first['next_batch'], timeout: 50, filter })).not.toHaveProperty('rooms')
  })

  test('invitations, knocks and departures have sections of their own', async () => {
    await using server = await startServer({ database })
    const { alice, bob, roomId } = await two(server, { preset: 'private_chat', name: 'Den' })
    let { next_batch: since } = await bob.sync()
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: bob.userId })
    let answer = await bob.sync({ since })
    const invitation = answer['rooms'].invite[roomId].invite_state.events
    expect(typesOf(invitation)).toEqual(
      expect.arrayContaining(['m.room.create', 'm.room.name', 'm.room.join_rules', 'm.room.member']),
    )
    expect(invitation.at(-1)).toMatchObject({ state_key: bob.userId, content: { membership: 'invite' } })
    expect((await bob.sync())['rooms'].invite).toHaveProperty([roomId])
    since = answer['next_batch']
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/leave`)
    answer = await bob.sync({ since })
    expect(answer['rooms'].leave[roomId].timeline.events).toMatchObject([{ content: { membership: 'leave' } }])
    expect(answer['rooms'].leave[roomId].state.events).toEqual([])
    expect(await bob.sync({ since: answer['next_batch'] })).not.toHaveProperty('rooms')

    await alice.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' })
    since = answer['next_batch']
    await bob.post(`/knock/${encodeURIComponent(roomId)}`)
    answer = await bob.sync({ since })
    expect(typesOf(answer['rooms'].knock[roomId].knock_state.events)).toContain('m.room.name')
  })

  test('a room joined or left since the last sync is told whole, or up to the leaving', async () => {
    await using server = await startServer({ database })
    const { alice, bob, roomId } = await two(server)
    await alice.send(roomId, 'before')
    let { next_batch: since } = await bob.sync()
    await join(bob, roomId)
    let answer = await bob.sync({ since })
    let room = answer['rooms'].join[roomId]
    expect(typesOf([...room.state.events, ...room.timeline.events])).toContain('m.room.create')
    expect(bodiesOf(room.timeline.events)).toEqual(['before'])
    since = answer['next_batch']
    await alice.send(roomId, 'seen')
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/kick`, { user_id: bob.userId })
    await alice.send(roomId, 'unseen')
    answer = await bob.sync({ since })
    room = answer['rooms'].leave[roomId]
    expect(answer['rooms'].join).toBeUndefined()
    expect(bodiesOf(room.timeline.events)).toEqual(['seen'])
    expect(room.timeline.events.at(-1).content.membership).toBe('leave')
    expect((await bob.sync())['rooms']).toBeUndefined()
    const filter = JSON.stringify({ room: { include_leave: true, timeline: { limit: 0 } } })
    room = (await bob.sync({ filter }))['rooms'].leave[roomId]
    expect(typesOf(room.state.events)).toContain('m.room.create')
    expect(room.state.events).toContainEqual(
      expect.objectContaining({ state_key: bob.userId, content: { membership: 'leave' } }),
    )
  })

  test('every event tells what the reader was in the room at the time', async () => {
    await using server = await startServer({ database })
    const { alice, bob, roomId } = await two(server)
    await alice.send(roomId, 'before')
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: bob.userId })
    await alice.send(roomId, 'between')
    const { next_batch: since } = await bob.sync()
    await join(bob, roomId)
    await alice.send(roomId, 'after')
    const told = ({ rooms }: Json): unknown[] =>
      rooms.join[roomId].timeline.events.map(({ content, unsigned }: Json) => [
        content.body ?? content.membership,
        unsigned.membership,
      ])
    const expected = [
      ['before', 'leave'],
      ['invite', 'invite'],
      ['between', 'invite'],
      ['join', 'join'],
      ['after', 'join'],
    ]
    expect(told(await bob.sync()).slice(-5)).toEqual(expected)
    expect(told(await bob.sync({ since })).slice(-5)).toEqual(expected)
    const messages = JSON.stringify({ room: { timeline: { types: ['m.room.message'] } } })
    expect(told(await bob.sync({ filter: messages })).at(-1)).toEqual(['after', 'join'])
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/leave`)
    const left = (await bob.sync({ since }))['rooms'].leave[roomId].timeline.events
    expect(left.map(({ unsigned }: Json) => unsigned.membership).slice(-3)).toEqual(['join', 'join', 'leave'])
  })

  test('the leaving of a room that is forgotten is told once', async () => {
    await using server = await startServer({ database })
    const { bob, roomId } = await two(server)
    await join(bob, roomId)
    const { next_batch: since } = await bob.sync()
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/leave`)
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/forget`)
    const answer = await bob.sync({ since })
    expect(answer['rooms'].leave).toHaveProperty([roomId])
    expect(await bob.sync({ since: answer['next_batch'], full_state: 'true' })).not.toHaveProperty('rooms')
    const filter = JSON.stringify({ room: { include_leave: true } })
    expect(await bob.sync({ filter })).not.toHaveProperty('rooms')
  })

  test('lazy loading tells the members that the timeline needs, each once', async () => {
    await using server = await startServer({ database })
    const { alice, bob, roomId } = await two(server)
    const carol = await server.register('carol')
    for (const client of [bob, carol]) await join(client, roomId)
    for (let n = 0; n < 3; n++) await bob.send(roomId, 'hi')
    const filter = JSON.stringify({ room: { state: { lazy_load_members: true }, timeline: { limit: 2 } } })
    const members = (answer: Json): string[] =>
      (answer['rooms'].join[roomId].state.events as Json[])
        .filter(({ type }) => type === 'm.room.member')
        .map(({ state_key: key }) => key)
    let answer = await alice.sync({ filter })
    expect(members(answer).sort()).toEqual([alice.userId, bob.userId, carol.userId].sort()) // carol is a hero
    expect(answer['rooms'].join[roomId].summary['m.heroes'].sort()).toEqual([bob.userId, carol.userId])
    await carol.send(roomId, 'ho')
    await bob.send(roomId, 'ho')
    answer = await alice.sync({ filter, since: answer['next_batch'] })
    expect(members(answer)).toEqual([])
    const dave = await server.register('dave')
    await join(dave, roomId)
    answer = await alice.sync({ filter, since: answer['next_batch'] })
    const since = answer['next_batch']
    for (let n = 0; n < 3; n++) await dave.send(roomId, 'hey')
    expect(members(await alice.sync({ filter, since }))).toEqual([dave.userId])
    expect(members(await alice.sync({ filter, since }))).toEqual([dave.userId]) // the answer may have been lost
  })

  test('receipts, typing, account data and tags come down the sync', async () => {
    await using server = await startServer({ database })
    const { alice, bob, roomId } = await two(server)
    await join(bob, roomId)
    const eventId = await alice.send(roomId, 'read me')
    const room = `/rooms/${encodeURIComponent(roomId)}`
    let [a, b] = [await alice.sync(), await bob.sync()]
    expect(b['rooms'].join[roomId].unread_notifications.notification_count).toBe(1)
    await bob.post(`${room}/receipt/m.read.private/${encodeURIComponent(eventId)}`)
    expect(await alice.sync({ since: a['next_batch'] })).not.toHaveProperty('rooms')
    b = await bob.sync({ since: b['next_batch'] })
    expect(b['rooms'].join[roomId].ephemeral.events[0].content[eventId]).toHaveProperty(['m.read.private', bob.userId])
    expect(b['rooms'].join[roomId].unread_notifications.notification_count).toBe(0)
    await bob.post(`${room}/receipt/m.read/${encodeURIComponent(eventId)}`)
    await bob.put(`${room}/typing/${encodeURIComponent(bob.userId)}`, { typing: true, timeout: 10_000 })
    a = await alice.sync({ since: a['next_batch'] })
    expect(a['rooms'].join[roomId].ephemeral.events).toEqual([
      { type: 'm.receipt', content: { [eventId]: { 'm.read': { [bob.userId]: { ts: expect.any(Number) } } } } },
      { type: 'm.typing', content: { user_ids: [bob.userId] } },
    ])
    const user = `/user/${encodeURIComponent(alice.userId)}`
    await alice.put(`${user}/account_data/m.direct`, { x: 1 })
    await alice.put(`${user}${room}/tags/u.work`, { order: 0.5 })
    a = await alice.sync({ since: a['next_batch'] })
    expect(a['account_data'].events).toEqual([{ type: 'm.direct', content: { x: 1 } }])
    expect(a['rooms'].join[roomId].account_data.events).toEqual([
      { type: 'm.tag', content: { tags: { 'u.work': { order: 0.5 } } } },
    ])
  })

  test('messages to a device come again until it has come back for more', async () => {
    await using server = await startServer({ database })
    const { alice, bob } = await two(server)
    const first = await bob.sync()
    await alice.put('/sendToDevice/m.test/1', { messages: { [bob.userId]: { '*': { n: 1 } } } })
    const once = await bob.sync({ since: first['next_batch'] })
    const again = await bob.sync({ since: first['next_batch'] })
    expect(once['to_device'].events).toEqual([{ type: 'm.test', sender: alice.userId, content: { n: 1 } }])
    expect(again['to_device']).toEqual(once['to_device'])
    await bob.sync({ since: again['next_batch'] })
    expect(await bob.sync({ since: first['next_batch'] })).not.toHaveProperty('to_device')
  })

  test('device lists of those one meets, and of those one loses, are told', async () => {
    await using server = await startServer({ database })
    const { alice, bob, roomId } = await two(server)
    let { next_batch: since } = await alice.sync()
    await join(bob, roomId)
    let answer = await alice.sync({ since })
    expect(answer['device_lists'].changed).toEqual([bob.userId])
    since = answer['next_batch']
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/leave`)
    answer = await alice.sync({ since })
    expect(answer['device_lists'].left).toEqual([bob.userId])
  })

  test('a filter is stored once, is given back, and decides what is told', async () => {
    await using server = await startServer({ database })
    const { alice, roomId } = await two(server)
    const path = `/user/${encodeURIComponent(alice.userId)}/filter`
    const filter = { room: { timeline: { types: ['m.room.message'], limit: 5 }, state: { types: [] } } }
    const { filter_id: id } = await alice.post(path, filter)
    expect((await alice.post(path, filter))['filter_id']).toBe(id)
    expect(await alice.get(`${path}/${id}`)).toEqual(filter)
    await alice.send(roomId, 'only this')
    const room = (await alice.sync({ filter: id }))['rooms'].join[roomId]
    expect(typesOf(room.timeline.events)).toEqual(['m.room.message'])
    expect(room.state.events).toEqual([])
    expect(await alice.refusal('GET', `${path}/77`)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await alice.refusal('GET', '/sync?filter=77')).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await alice.refusal('POST', path, { room: { timeline: { limit: 'x' } } })).toMatchObject({ status: 400 })
    expect(await alice.refusal('GET', '/sync?since=garbage')).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    const elsewhere = { not_rooms: [roomId] }
    const parts = { timeline: elsewhere, state: elsewhere, ephemeral: elsewhere, account_data: elsewhere }
    const without = (await alice.sync({ filter: JSON.stringify({ room: parts }) }))['rooms'].join[roomId]
    expect([without.timeline.events, without.state.events]).toEqual([[], []])
    expect(await alice.sync({ filter: JSON.stringify({ room: elsewhere }) })).not.toHaveProperty('rooms')
    const only = await alice.sync({
      filter: JSON.stringify({ event_fields: ['type'], room: { timeline: { limit: 1 } } }),
    })
    expect(only['rooms'].join[roomId].timeline.events).toEqual([{ type: 'm.room.message' }])
    const raw = await alice.sync({
      filter: JSON.stringify({ event_format: 'federation', room: { timeline: { limit: 1 } } }),
    })
    expect(raw['rooms'].join[roomId].timeline.events[0]).toHaveProperty('prev_events')
  })

  test('full state tells every room again, without a timeline that is known', async () => {
    await using server = await startServer({ database })
    const { alice, roomId } = await two(server)
    const { next_batch: since } = await alice.sync()
    const room = (await alice.sync({ since, full_state: 'true' }))['rooms'].join[roomId]
    expect(room.timeline.events).toEqual([])
    expect(typesOf(room.state.events)).toContain('m.room.create')
  })

  test('when the server stops, long polls are answered', async () => {
    const server = await startServer({ database })
    const alice = await server.register('alice')
    const { next_batch: since } = await alice.sync()
    const waiting = alice.request('GET', `/sync?since=${since}&timeout=30000`)
    for (let tries = 0; tries < 500 && server.server.services.notifier.waiting === 0; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await server[Symbol.asyncDispose]()
    const { status, headers, body } = await waiting
    expect({ status, body }).toMatchObject({ status: 200, body: { next_batch: expect.any(String) } })
    expect(headers.get('connection')).toBe('close') // or it would be asked again at once
  })
})
