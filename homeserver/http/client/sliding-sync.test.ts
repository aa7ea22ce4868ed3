import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { slide, slidingPath } from '../../../test/support/sliding.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

/** A list of all rooms. */
const all = (options: Json = {}): Json => ({
  lists: { all: { ranges: [[0, 19]], timeline_limit: 5, required_state: [], ...options } },
})
const bodies = (room: Json): unknown[] => room['timeline'].map((event: Json) => event['content'].body)
const typesOf = (room: Json): string[] => room['required_state'].map((event: Json) => event['type']).sort()
const members = (room: Json): string[] =>
  room['required_state']
    .filter((e: Json) => e['type'] === 'm.room.member')
    .map((e: Json) => e['state_key'])
    .sort()

async function joinedBy(alice: Client, others: readonly Client[], options: Json = {}): Promise<string> {
  const room = await alice.createRoom({ preset: 'public_chat', ...options })
  for (const other of others) await other.post(`/rooms/${room}/join`)
  return room
}

forEachDatabase(({ dialect: database }) => {
  test('a room comes as it is at first, then what is new in it, then nothing', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const room = await alice.createRoom({ name: 'Kitchen' })
    await alice.send(room, 'one')
    const first = await slide(alice, { ...all({ required_state: [['m.room.name', '']] }), txn_id: 'mine' })
    expect(first).toMatchObject({ txn_id: 'mine', lists: { all: { count: 1 } } })
    expect(first['rooms'][room]).toMatchObject({ initial: true, name: 'Kitchen', joined_count: 1, num_live: 0 })
    expect(typesOf(first['rooms'][room])).toEqual(['m.room.name'])
    expect(bodies(first['rooms'][room]).at(-1)).toBe('one')
    await alice.send(room, 'two')
    const second = await slide(alice, all(), { pos: first['pos'] })
    expect(bodies(second['rooms'][room])).toEqual(['two'])
    expect(second['rooms'][room]).toMatchObject({ num_live: 1, limited: false })
    expect(second['rooms'][room].initial).toBeUndefined()
    const third = await slide(alice, all(), { pos: second['pos'] })
    expect(third['rooms']).toEqual({})
  })

  test('a position that is not known is refused, and so is one of another connection', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    await alice.createRoom()
    const unknown = { status: 400, errcode: 'M_UNKNOWN_POS' }
    const { pos } = await slide(alice, { ...all(), conn_id: 'a' })
    for (const [given, conn_id] of [
      ['nonsense', 'a'],
      [pos, 'b'],
      [pos.replace('.1~', '.7~'), 'a'],
    ] as const) {
      const path = `${slidingPath}?pos=${encodeURIComponent(given)}`
      expect(await alice.refusal('POST', path, { ...all(), conn_id })).toEqual(unknown)
    }
  })

  test('a repeated request gets its answer again, whatever it was given meanwhile', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const rooms = [await alice.createRoom({ name: 'a' }), await alice.createRoom({ name: 'b' })]
    const first = await slide(alice, all({ ranges: [[0, 0]] }))
    expect(Object.keys(first['rooms'])).toEqual([rooms[1]])
    const wide = await slide(alice, all(), { pos: first['pos'] })
    const again = await slide(alice, all(), { pos: first['pos'] })
    expect(again['rooms'][rooms[0] ?? '']).toMatchObject({ initial: true, name: 'a' })
    expect(Object.keys(again['rooms'])).toEqual(Object.keys(wide['rooms']))
    const next = await slide(alice, all(), { pos: again['pos'] })
    expect(next['rooms']).toEqual({})
  })

  test('a window shows the rooms with the latest messages, and tells later what came to others', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const [a, b, c] = [await alice.createRoom(), await alice.createRoom(), await alice.createRoom()]
    await alice.send(a, 'a1')
    const one = all({ ranges: [[0, 0]], timeline_limit: 1 })
    const first = await slide(alice, one)
    expect(first['lists'].all.count).toBe(3)
    expect(bodies(first['rooms'][a])).toEqual(['a1'])
    await alice.send(b, 'b1')
    const second = await slide(alice, one, { pos: first['pos'] })
    expect(Object.keys(second['rooms'])).toEqual([b])
    expect(second['rooms'][b]).toMatchObject({ initial: true, num_live: 1 })
    // State does not bump a room, so this one stays out of the window and its news are held back.
    await alice.setState(a, 'm.room.topic', { topic: 'quiet' })
    const third = await slide(alice, one, { pos: second['pos'] })
    expect(third['rooms']).toEqual({})
    const wide = all({ ranges: [[0, 1]], timeline_limit: 1, required_state: [['m.room.topic', '']] })
    const fourth = await slide(alice, wide, { pos: third['pos'] })
    expect(fourth['rooms'][a].required_state[0].content).toEqual({ topic: 'quiet' })
    expect(fourth['rooms'][a].initial).toBeUndefined()
    expect(fourth['rooms'][c]).toBeUndefined()
  })

  test('a room subscription and a larger timeline give more of a room that did not change', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const room = await alice.createRoom({ topic: 'T' })
    for (const body of ['1', '2', '3', '4']) await alice.send(room, body)
    const first = await slide(alice, all({ timeline_limit: 1 }))
    expect(first['rooms'][room].limited).toBe(true)
    const subscribed = {
      ...all({ timeline_limit: 1 }),
      room_subscriptions: { [room]: { timeline_limit: 3, required_state: [['m.room.topic', '']] } },
    }
    const second = await slide(alice, subscribed, { pos: first['pos'], timeout: 10_000 })
    expect(second['rooms'][room]).toMatchObject({ unstable_expanded_timeline: true, limited: true, num_live: 0 })
    expect(bodies(second['rooms'][room])).toEqual(['2', '3', '4'])
    expect(typesOf(second['rooms'][room])).toEqual(['m.room.topic'])
    const third = await slide(alice, subscribed, { pos: second['pos'] })
    expect(third['rooms']).toEqual({})
  })

  test('state is asked for by type, by key, of oneself, of those who speak, or altogether', async () => {
    await using server = await startServer({ database })
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const room = await joinedBy(alice, [bob, carol])
    await alice.setState(room, 'org.example', { n: 1 }, 'one')
    await alice.setState(room, 'org.example', { n: 2 }, 'two')
    await bob.send(room, 'hello')
    const asked = async (...required: (readonly [string, string])[]): Promise<Json> => {
      const answer = await slide(alice, { ...all({ timeline_limit: 1, required_state: required }), conn_id: 'c' })
      return answer['rooms'][room]
    }
    expect(members(await asked(['m.room.member', '$ME']))).toEqual([alice.userId])
    expect(members(await asked(['m.room.member', '$LAZY']))).toEqual([bob.userId])
    expect(members(await asked(['m.room.member', '*']))).toEqual([alice.userId, bob.userId, carol.userId])
    expect(members(await asked(['*', '*'], ['m.room.member', '$LAZY']))).toEqual([bob.userId])
    expect(typesOf(await asked(['org.example', '*']))).toEqual(['org.example', 'org.example'])
    expect((await asked(['*', 'two']))['required_state'].map((e: Json) => e['content'])).toEqual([{ n: 2 }])
    const everything = await asked(['*', '*'])
    expect(everything['required_state']).toHaveLength((await alice.get(`/rooms/${room}/state`))['length'])
  })

  test('members are told of when they first speak, and when they come or change', async () => {
    await using server = await startServer({ database })
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const room = await joinedBy(alice, [bob])
    await alice.send(room, 'first')
    const lazy = all({ timeline_limit: 1, required_state: [['m.room.member', '$LAZY']] })
    const first = await slide(alice, lazy)
    expect(members(first['rooms'][room])).toEqual([alice.userId])
    await bob.send(room, 'hello')
    const second = await slide(alice, lazy, { pos: first['pos'] })
    expect(members(second['rooms'][room])).toEqual([bob.userId])
    await bob.send(room, 'again')
    const third = await slide(alice, lazy, { pos: second['pos'] })
    expect(third['rooms'][room].required_state).toBeUndefined()
    await carol.post(`/rooms/${room}/join`)
    const fourth = await slide(alice, lazy, { pos: third['pos'] })
    expect(members(fourth['rooms'][room])).toEqual([carol.userId])
    expect(fourth['rooms'][room]).toMatchObject({ joined_count: 3 })
  })

  test('lists are filtered by what rooms are and how the user marks them', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const secret = await alice.createRoom({
      name: 'Secret Plan',
      initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
    })
    const space = await alice.createRoom({ creation_content: { type: 'm.space' } })
    const direct = await alice.createRoom({})
    const invite = await bob.createRoom({ is_direct: true, invite: [alice.userId] })
    await alice.setState(space, 'm.space.child', { via: ['hs.test'] }, direct)
    await alice.put(`/user/${alice.userId}/account_data/m.direct`, { [bob.userId]: [direct] })
    await alice.put(`/user/${alice.userId}/rooms/${secret}/tags/m.favourite`, { order: 0.1 })
    const rooms = async (filters: Json): Promise<string[]> => {
      const answer = await slide(alice, all({ filters }))
      expect(answer['lists'].all.count).toBe(Object.keys(answer['rooms']).length)
      return Object.keys(answer['rooms']).sort()
    }
    expect(await rooms({ is_encrypted: true })).toEqual([secret])
    expect(await rooms({ room_types: ['m.space'] })).toEqual([space])
    expect(await rooms({ not_room_types: ['m.space'], is_invite: false })).toEqual([direct, secret].sort())
    expect(await rooms({ room_types: [null], is_encrypted: false, is_invite: false })).toEqual([direct])
    expect(await rooms({ is_dm: true })).toEqual([direct, invite].sort())
    expect(await rooms({ is_invite: true })).toEqual([invite])
    expect(await rooms({ spaces: [space] })).toEqual([direct])
    expect(await rooms({ tags: ['m.favourite'] })).toEqual([secret])
    expect(await rooms({ not_tags: ['m.favourite'], is_invite: false, is_dm: false })).toEqual([space])
    expect(await rooms({ room_name_like: 'ret pl' })).toEqual([secret])
  })

  test('an invite shows what it needs to, becomes a room when it is taken, and goes when it is refused', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const taken = await bob.createRoom({ name: 'Party', invite: [alice.userId] })
    const refused = await bob.createRoom({ invite: [alice.userId] })
    const first = await slide(alice, all({ required_state: [['m.room.name', '']] }))
    const { invite_state: state } = first['rooms'][taken]
    expect(state.map((event: Json) => event['type'])).toEqual(expect.arrayContaining(['m.room.name', 'm.room.member']))
    await alice.post(`/rooms/${taken}/join`)
    await alice.post(`/rooms/${refused}/leave`)
    const second = await slide(alice, all({ required_state: [['m.room.name', '']] }), { pos: first['pos'] })
    expect(second['lists'].all.count).toBe(1)
    expect(second['rooms'][taken]).toMatchObject({ initial: true, name: 'Party', joined_count: 2 })
    expect(second['rooms'][refused].required_state).toMatchObject([{ content: { membership: 'leave' } }])
    expect(second['rooms'][refused].timeline).toHaveLength(1)
    const third = await slide(alice, all(), { pos: second['pos'] })
    expect(third['rooms']).toEqual({})
  })

  test('who is thrown out is told so and nothing that comes after (T40)', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await joinedBy(alice, [bob], { name: 'Before' })
    const asked = all({
      required_state: [
        ['m.room.name', ''],
        ['m.room.member', '$ME'],
      ],
    })
    const first = await slide(bob, asked)
    await alice.send(room, 'heard')
    await alice.post(`/rooms/${room}/kick`, { user_id: bob.userId })
    await alice.send(room, 'unheard')
    await alice.setState(room, 'm.room.name', { name: 'After' })
    const second = await slide(bob, asked, { pos: first['pos'] })
    expect(bodies(second['rooms'][room])).toEqual(['heard', undefined])
    expect(second['rooms'][room].required_state).toMatchObject([{ content: { membership: 'leave' } }])
    expect((await slide(bob, asked, { pos: second['pos'] }))['rooms']).toEqual({})
    // On another device it is there as well, as it was then.
    const fresh = await slide(bob, { ...asked, conn_id: 'other' })
    expect(JSON.stringify(fresh)).not.toMatch(/unheard|After/)
    expect(fresh['rooms'][room].required_state.map((e: Json) => e['type']).sort()).toEqual([
      'm.room.member',
      'm.room.name',
    ])
    expect(await slide(bob, all({ filters: { room_name_like: 'after' } }))).toMatchObject({
      lists: { all: { count: 0 } },
    })
  })

  test('a room left by the user is told of once, even where it is in no window', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const [a, b] = [await alice.createRoom(), await alice.createRoom()]
    const first = await slide(alice, all())
    await alice.send(b, 'up')
    await alice.post(`/rooms/${a}/leave`)
    const second = await slide(alice, all({ ranges: [[0, 0]] }), { pos: first['pos'] })
    expect(Object.keys(second['rooms']).sort()).toEqual([a, b].sort())
    expect(second['lists'].all.count).toBe(1)
    const third = await slide(alice, all(), { pos: second['pos'] })
    expect(third['rooms']).toEqual({})
    expect((await slide(alice, all()))['rooms'][a]).toBeUndefined()
  })

  test('messages of ignored users are left out, and so are their invites', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await joinedBy(alice, [bob])
    await alice.put(`/user/${alice.userId}/account_data/m.ignored_user_list`, { ignored_users: { [bob.userId]: {} } })
    await bob.createRoom({ invite: [alice.userId] })
    await bob.send(room, 'noise')
    await alice.send(room, 'sense')
    const first = await slide(alice, all({ timeline_limit: 20 }))
    expect(first['lists'].all.count).toBe(1)
    expect(bodies(first['rooms'][room])).toContain('sense')
    expect(bodies(first['rooms'][room])).not.toContain('noise')
    await bob.send(room, 'noise')
    expect((await slide(alice, all(), { pos: first['pos'] }))['rooms'][room]?.timeline ?? []).toEqual([])
  })

  test('a long poll ends with the first news, and the counts of unread events come with a room', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await joinedBy(alice, [bob])
    const first = await slide(alice, all())
    const waiting = slide(alice, all(), { pos: first['pos'], timeout: 20_000 })
    const event = await bob.send(room, 'psst')
    const second = await waiting
    expect(second['rooms'][room]).toMatchObject({ notification_count: 1, highlight_count: 0, num_live: 1 })
    await alice.post(`/rooms/${room}/receipt/m.read.private/${event}`)
    const third = await slide(alice, all(), { pos: second['pos'] })
    expect(third['rooms'][room]).toMatchObject({ notification_count: 0 })
    const again = await bob.send(room, 'psst, again')
    const fourth = await slide(alice, all(), { pos: third['pos'] })
    expect(fourth['rooms'][room]).toMatchObject({ notification_count: 1 })
    await alice.post(`/rooms/${room}/receipt/m.read/${again}`)
    const fifth = await slide(alice, all(), { pos: fourth['pos'] })
    expect(fifth['rooms'][room]).toMatchObject({ notification_count: 0 })
  })

  test('names and avatars that are no text are left out (T18)', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await joinedBy(alice, [bob])
    await alice.setState(room, 'm.room.name', { name: { toString: 1 } })
    await alice.setState(room, 'm.room.avatar', { url: ['mxc://a/b'] })
    await bob.put(`/rooms/${room}/state/m.room.member/${bob.userId}`, {
      membership: 'join',
      displayname: [7],
      avatar_url: { x: true },
    })
    const { rooms } = await slide(alice, all())
    expect(rooms[room].name).toBeUndefined()
    expect(rooms[room].heroes).toEqual([{ user_id: bob.userId }])
  })
})
