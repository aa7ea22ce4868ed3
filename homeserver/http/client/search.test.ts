import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

// Answers of the server are looked into here.
type Json = Awaited<ReturnType<Client['get']>>

interface Found {
  readonly count: number
  readonly ids: readonly string[]
  readonly highlights: readonly string[]
  readonly results: readonly Json[]
  readonly next: string | undefined
  readonly groups: Record<string, Record<string, { results: string[]; next_batch?: string; order: number }>>
  readonly state: Record<string, { type: string }[]>
}

async function search(client: Client, term: string, options: Json = {}, nextBatch?: string): Promise<Found> {
  const path = `/search${nextBatch === undefined ? '' : `?next_batch=${nextBatch}`}`
  const answer = await client.post(path, { search_categories: { room_events: { search_term: term, ...options } } })
  const found = answer['search_categories']['room_events']
  return {
    ...found,
    ids: found.results.map((each: Json) => each['result']['event_id']),
    next: found.next_batch,
  }
}

const recent = { order_by: 'recent' }

forEachDatabase(({ dialect }) => {
  test('messages are found by their words as soon as they are sent', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const id = await alice.send(roomId, 'Hello, World! Ein Café für 東京都の人, 100% sure')
    await alice.send(roomId, 'nothing like it')
    for (const term of ['hello', 'WORLD hel', 'cafe', 'fur', '京都', '人', '"hello world"', '100', `'; "%_\\ hello`]) {
      expect([term, (await search(alice, term)).ids]).toEqual([term, [id]])
    }
    for (const term of ['"world hello"', 'hello nobody', '都京', 'orld', '10', 'h', '%', '', '"']) {
      expect([term, await search(alice, term)]).toEqual([term, expect.objectContaining({ ids: [], count: 0 })])
    }
    const { results, highlights, count } = await search(alice, 'cafe hel')
    expect(count).toBe(1)
    expect(highlights).toEqual(['Hello', 'Café'])
    expect(results[0]).toMatchObject({
      rank: expect.any(Number),
      result: { type: 'm.room.message', room_id: roomId, sender: alice.userId, content: { msgtype: 'm.text' } },
    })
  })

  test('names and topics are found by their keys', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ name: 'Gardening', topic: 'all about gardening' })
    const message = await alice.send(roomId, 'gardening is fun')
    const types = async (keys?: string[]): Promise<string[]> =>
      (await search(alice, 'gardening', { ...recent, ...(keys ? { keys } : {}) })).results.map(
        ({ result }) => result['type'],
      )
    expect(await types()).toEqual(['m.room.message', 'm.room.topic', 'm.room.name'])
    expect(await types(['content.name'])).toEqual(['m.room.name'])
    expect(await types(['content.topic', 'content.body'])).toEqual(['m.room.message', 'm.room.topic'])
    expect((await search(alice, 'gardening', { filter: { types: ['m.room.mess*'] } })).ids).toEqual([message])
    expect((await search(alice, 'gardening', { filter: { not_types: ['*'] } })).ids).toEqual([])
  })

  test('the best or the latest come first, in pages', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const ids: string[] = []
    for (let i = 0; i < 7; i++) ids.push(await alice.send(roomId, `apple ${'pear '.repeat(i + 1)}`))
    const best = await alice.send(roomId, 'apple!')
    await alice.send(roomId, 'an unrelated pear')
    for (const order of ['rank', 'recent']) {
      const seen: string[] = []
      let next: string | undefined
      for (let pages = 0; pages < 4; pages++) {
        const page = await search(alice, 'apple', { order_by: order, filter: { limit: 3 } }, next)
        expect(page.count).toBe(8)
        seen.push(...page.ids)
        next = page.next
        if (next === undefined) break
      }
      expect(next).toBeUndefined()
      if (order === 'rank') {
        expect(seen[0]).toBe(best)
        expect(seen.toSorted()).toEqual([...ids, best].toSorted())
      } else expect(seen).toEqual([best, ...ids.toReversed()])
    }
    const { next } = await search(alice, 'apple', { filter: { limit: 1 } })
    const body = { search_categories: { room_events: { search_term: 'apple', ...recent } } }
    for (const token of [next, 'x', 'WzFd']) {
      const refusal = await alice.refusal('POST', `/search?next_batch=${token}`, body)
      expect(refusal).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    }
  })

  test('results come with what was said around them and how people were called', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    const ids: string[] = []
    for (let i = 0; i < 7; i++) ids.push(await (i === 3 ? bob : alice).send(roomId, `number ${i}`))
    await bob.put(`/profile/${encodeURIComponent(bob.userId)}/displayname`, { displayname: 'Robert' })
    const options = { event_context: { before_limit: 2, after_limit: 1, include_profile: true } }
    const { results } = await search(alice, '"number 3"', options)
    const context = results[0]?.['context']
    expect(context.events_before.map((event: Json) => event['event_id'])).toEqual([ids[2], ids[1]])
    expect(context.events_after.map((event: Json) => event['event_id'])).toEqual([ids[4]])
    expect(context.profile_info).toEqual({
      [alice.userId]: { displayname: 'alice' },
      [bob.userId]: { displayname: 'bob' },
    })
    const path = `/rooms/${encodeURIComponent(roomId)}/messages`
    const earlier = await alice.get(`${path}?dir=b&from=${context.start}&limit=1`)
    expect(earlier['chunk'][0].event_id).toBe(ids[0])
    const later = await alice.get(`${path}?dir=f&from=${context.end}&limit=1`)
    expect(later['chunk'][0].event_id).toBe(ids[5])
    const bare = await search(alice, '"number 3"', { event_context: { before_limit: 0, after_limit: 0 } })
    expect(bare.results[0]?.['context']).toMatchObject({ events_before: [], events_after: [] })
    expect(bare.results[0]?.['context']).not.toHaveProperty('profile_info')
  })

  test('results are grouped, and each group has pages of its own', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [one, two] = [await alice.createRoom({ name: 'One' }), await alice.createRoom()]
    const inOne: string[] = []
    for (let i = 0; i < 4; i++) inOne.push(await alice.send(one, 'plum'))
    const inTwo = [await alice.send(two, 'plum')]
    const grouped = {
      groupings: { group_by: [{ key: 'room_id' }, { key: 'sender' }] },
      include_state: true,
      filter: { limit: 3 },
    }
    for (const order of ['rank', 'recent']) {
      const options = { ...grouped, order_by: order }
      const { groups, state } = await search(alice, 'plum', options)
      expect(groups['room_id']).toMatchObject({
        [two]: { order: 0, results: inTwo },
        [one]: { order: 1, results: [inOne[3], inOne[2]] },
      })
      expect(groups['sender']?.[alice.userId]?.results).toEqual([...inTwo, inOne[3], inOne[2]])
      expect(state[one]?.map(({ type }) => type)).toContain('m.room.name')
      const rest = await search(alice, 'plum', options, groups['room_id']?.[one]?.next_batch)
      expect(rest.ids).toEqual([inOne[1], inOne[0]])
      expect((await search(alice, 'plum', options, groups['room_id']?.[two]?.next_batch)).ids).toEqual([])
    }
  })

  test('filters tell of senders, rooms, links and relations', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    const plain = await alice.send(roomId, 'fig')
    const image = await alice.send(roomId, { msgtype: 'm.image', body: 'fig', url: 'mxc://hs.test/fig' })
    const answered = await bob.send(roomId, 'fig')
    const relation = { rel_type: 'm.thread', event_id: answered }
    const elsewhere = await alice.send(await alice.createRoom(), 'fig')
    await alice.send(roomId, { body: 'indeed', 'm.relates_to': relation })
    const found = async (filter: Json): Promise<readonly string[]> =>
      (await search(alice, 'fig', { ...recent, filter })).ids
    expect(await found({})).toEqual([elsewhere, answered, image, plain])
    expect(await found({ senders: [bob.userId] })).toEqual([answered])
    expect(await found({ not_senders: [bob.userId], not_rooms: [roomId] })).toEqual([elsewhere])
    expect(await found({ rooms: [roomId], contains_url: true })).toEqual([image])
    expect(await found({ rooms: [roomId], contains_url: false })).toEqual([answered, plain])
    expect(await found({ related_by_rel_types: ['m.thread'], related_by_senders: [alice.userId] })).toEqual([answered])
    expect(await found({ senders: [] })).toEqual([])
    expect(await found({ rooms: ['!unknown:hs.test'] })).toEqual([])
  })

  test('a redacted event is gone from the index at once, and so are the words it was edited to', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const kept = await alice.send(roomId, 'zqkept')
    const gone = await alice.send(roomId, 'zqfirst zqkept')
    await edit(alice, roomId, gone, 'zqsecond zqkept')
    expect((await search(alice, 'zqkept', recent)).ids).toEqual([gone, kept])
    await redact(alice, roomId, gone)
    for (const order_by of ['recent', 'rank']) {
      expect(await search(alice, 'zqkept', { order_by })).toMatchObject({ ids: [kept], count: 1 })
      expect(await search(alice, 'zqsecond', { order_by })).toMatchObject({ ids: [], count: 0 })
    }
  })

  test('an event is found by its latest edit, and by what it said before if that is redacted', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    const id = await alice.send(roomId, 'first')
    const found = async (): Promise<string[]> => {
      const terms = ['first', 'second', 'third', 'foreign']
      const all = await Promise.all(terms.map((term) => search(alice, term)))
      for (const { ids } of all) expect([[], [id]]).toContainEqual(ids)
      return terms.filter((_, index) => all[index]?.count === 1)
    }
    expect(await found()).toEqual(['first'])
    const second = await edit(alice, roomId, id, 'second')
    await edit(bob, roomId, id, 'foreign')
    expect(await found()).toEqual(['second'])
    const third = await edit(alice, roomId, id, 'third')
    expect(await found()).toEqual(['third'])
    expect((await search(alice, 'third')).highlights).toEqual(['third'])
    await redact(alice, roomId, third)
    expect(await found()).toEqual(['second'])
    await redact(alice, roomId, second)
    expect(await found()).toEqual(['first'])
    await redact(alice, roomId, id)
    expect(await found()).toEqual([])
  })

  test('rooms that were replaced are searched with those that replaced them', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const old = await alice.createRoom({ room_version: '10' })
    const before = await alice.send(old, 'quince before')
    const path = `/rooms/${encodeURIComponent(old)}/upgrade`
    const { replacement_room: replacement } = await alice.post(path, { new_version: '11' })
    const after = await alice.send(replacement, 'quince after')
    await alice.send(await alice.createRoom(), 'quince elsewhere')
    expect((await search(alice, 'quince', { ...recent, filter: { rooms: [replacement] } })).ids).toEqual([
      after,
      before,
    ])
    await alice.post(`/rooms/${encodeURIComponent(old)}/leave`)
    expect((await search(alice, 'quince', { ...recent, filter: { rooms: [replacement] } })).ids).toEqual([
      after,
      before,
    ])
  })

  test('messages of ignored users are not found', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const roomId = await bob.createRoom({ preset: 'public_chat', name: 'Melon club' })
    await alice.post(`/join/${encodeURIComponent(roomId)}`)
    await bob.send(roomId, 'melon')
    const own = await alice.send(roomId, 'melon')
    expect((await search(alice, 'melon')).count).toBe(3)
    const path = `/user/${encodeURIComponent(alice.userId)}/account_data/m.ignored_user_list`
    await alice.put(path, { ignored_users: { [bob.userId]: {} } })
    const found = await search(alice, 'melon', recent)
    expect(found.count).toBe(2)
    expect(found.results.map(({ result }) => result['type'])).toEqual(['m.room.message', 'm.room.name'])
    expect(found.ids[0]).toBe(own)
  })

  test('encrypted messages are not looked into', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    await alice.send(
      roomId,
      { algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'cherry', body: 'cherry' },
      'm.room.encrypted',
    )
    expect((await search(alice, 'cherry')).count).toBe(0)
  })

  const visibilities = ['world_readable', 'shared', 'invited', 'joined'] as const
  test.each(visibilities)(
    'where history is %s, everybody finds what he may read, and counts no more',
    async (visibility) => {
      await using server = await startServer({ database: dialect })
      const names = ['alice', 'bob', 'carl', 'dora', 'eve', 'fay']
      const users = await Promise.all(names.map((name) => server.register(name)))
      const [alice, bob, carl, dora, eve, fay] = users as [Client, Client, Client, Client, Client, Client]
      const state = [{ type: 'm.room.history_visibility', state_key: '', content: { history_visibility: visibility } }]
      const roomId = await alice.createRoom({ preset: 'public_chat', initial_state: state })
      const room = `/rooms/${encodeURIComponent(roomId)}`
      const edited = await alice.send(roomId, 'grape early')
      await dora.post(`/join/${encodeURIComponent(roomId)}`)
      await dora.post(`${room}/leave`)
      await alice.post(`${room}/invite`, { user_id: bob.userId })
      await alice.send(roomId, 'grape invited')
      await Promise.all([bob, carl].map((user) => user.post(`/join/${encodeURIComponent(roomId)}`)))
      await alice.send(roomId, 'grape joined')
      await alice.post(`${room}/ban`, { user_id: carl.userId })
      await alice.post(`${room}/invite`, { user_id: eve.userId })
      await edit(alice, roomId, edited, 'grape edited')
      await alice.send(roomId, 'grape late')

      const open = visibility === 'shared' || visibility === 'world_readable'
      const found = async (user: Client): Promise<string[]> => {
        const { count, results } = await search(user, 'grape', recent)
        expect(count).toBe(results.length)
        return results.map(({ result }) => (result['content'].body as string).slice('grape '.length))
      }
      expect(await found(alice)).toEqual(['late', 'joined', 'invited', 'early'])
      expect(await found(bob)).toEqual([
        'late',
        'joined',
        ...(visibility === 'joined' ? [] : ['invited']),
        ...(open ? ['early'] : []),
      ])
      // The words of the first message are those of its edit, which came after these two had gone.
      expect(await found(carl)).toEqual(open ? ['joined', 'invited'] : ['joined'])
      expect(await found(dora)).toEqual([])
      expect(await found(eve)).toEqual([])
      expect(await found(fay)).toEqual([])
    },
  )
})

async function edit(client: Client, roomId: string, target: string, body: string): Promise<string> {
  return await client.send(roomId, {
    msgtype: 'm.text',
    body: `* ${body}`,
    'm.new_content': { msgtype: 'm.text', body },
    'm.relates_to': { rel_type: 'm.replace', event_id: target },
  })
}

async function redact(client: Client, roomId: string, target: string): Promise<void> {
  await client.put(`/rooms/${encodeURIComponent(roomId)}/redact/${target}/r${target}`, {})
}
