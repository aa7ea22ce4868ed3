import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const pathOf = (roomId: string): string => `/rooms/${encodeURIComponent(roomId)}`
const bodies = (events: { content: { body?: string } }[]): unknown[] =>
  events.flatMap(({ content }) => content.body ?? [])

forEachDatabase(({ dialect }) => {
  test('pages lead back to the first event, where there is no end', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    for (const body of ['1', '2', '3', '4', '5']) await alice.send(roomId, body)
    const first = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=2`)
    expect(bodies(first['chunk'])).toEqual(['5', '4'])
    const second = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=2&from=${first['end']}`)
    expect(bodies(second['chunk'])).toEqual(['3', '2'])
    expect(second['start']).toBe(first['end'])
    const again = await alice.get(`${pathOf(roomId)}/messages?dir=f&limit=9&from=${second['end']}`)
    expect(bodies(again['chunk'])).toEqual(['2', '3', '4', '5'])
    expect(again).not.toHaveProperty('end')
    const rest = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=100&from=${second['end']}`)
    expect(rest['chunk'].at(-1)).toMatchObject({ type: 'm.room.create', room_id: roomId })
    expect(rest).not.toHaveProperty('end')
    const between = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=9&to=${first['end']}`)
    expect(bodies(between['chunk'])).toEqual(['5', '4'])
    const none = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=0`)
    expect(none).toMatchObject({ chunk: [], end: none['start'] })
  })

  test('with a filter a page of the last events has an end, and nothing is behind it', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    await alice.put(`${pathOf(roomId)}/send/m.room.message/p`, {
      msgtype: 'm.image',
      body: 'p',
      url: 'mxc://hs.test/a',
    })
    const filter = encodeURIComponent(JSON.stringify({ contains_url: true }))
    const pictures = await alice.get(`${pathOf(roomId)}/messages?dir=b&filter=${filter}`)
    expect(bodies(pictures['chunk'])).toEqual(['p'])
    const rest = await alice.get(`${pathOf(roomId)}/messages?dir=b&filter=${filter}&from=${pictures['end']}`)
    expect([rest['chunk'], rest['end']]).toEqual([[], undefined])
  })

  test('an event is told with what belongs to it, its transaction id only to the device that sent it', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const other = await server.client().login('alice', 'password of alice')
    const roomId = await alice.createRoom()
    const eventId = await alice.send(roomId, 'hello')
    const message = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=1`)
    const event = {
      content: { msgtype: 'm.text', body: 'hello' },
      event_id: eventId,
      origin_server_ts: expect.any(Number),
      room_id: roomId,
      sender: alice.userId,
      type: 'm.room.message',
      unsigned: { age: expect.any(Number), membership: 'join', transaction_id: 'txn1' },
    }
    expect(message['chunk']).toEqual([event])
    expect(await alice.get(`${pathOf(roomId)}/event/${eventId}`)).toEqual(event)
    const told = await other.get(`${pathOf(roomId)}/event/${eventId}`)
    expect(told['unsigned']).toEqual({ age: expect.any(Number), membership: 'join' })
  })

  test('with lazy loading the members who speak are told', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`${pathOf(roomId)}/join`)
    await bob.send(roomId, 'hi')
    const filter = encodeURIComponent(JSON.stringify({ lazy_load_members: true }))
    const { state } = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=1&filter=${filter}`)
    expect(state).toEqual([expect.objectContaining({ type: 'm.room.member', state_key: bob.userId })])
    expect(await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=1`)).not.toHaveProperty('state')
  })

  test('redactions take the content out of history', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const secret = await alice.send(roomId, 'marker-7f3a')
    const redaction = (await alice.put(`${pathOf(roomId)}/redact/${secret}/r1`, {}))['event_id']
    const { chunk } = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=2`)
    expect(JSON.stringify(chunk)).not.toContain('marker-7f3a')
    expect(chunk[1]).toMatchObject({
      event_id: secret,
      content: {},
      unsigned: { redacted_because: { event_id: redaction } },
    })
  })

  test('who may not read the room learns nothing of it, and what makes no sense is refused', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom()
    const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }
    expect(await bob.refusal('GET', `${pathOf(roomId)}/messages`)).toEqual(forbidden)
    expect(await bob.refusal('GET', '/rooms/!nowhere:hs.test/messages?dir=b')).toEqual(forbidden)
    const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
    const messages = (query: string): Promise<unknown> => alice.refusal('GET', `${pathOf(roomId)}/messages?${query}`)
    expect(await messages('')).toEqual({ status: 400, errcode: 'M_MISSING_PARAM' })
    for (const query of ['dir=x', 'dir=b&limit=-1', 'dir=b&limit=x', 'dir=b&from=x', 'dir=b&to=t1_']) {
      expect([query, await messages(query)]).toEqual([query, invalid])
    }
    expect(await messages('dir=b&filter={')).toEqual({ status: 400, errcode: 'M_NOT_JSON' })
    expect(await messages('dir=b&filter=[]')).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
    expect(await messages('dir=b&from=t9007199254740991_9007199254740991&limit=999999999')).toEqual({
      status: 200,
      errcode: undefined,
    })
  })

  test('a forgotten room has no history, and has it again after joining', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await alice.send(roomId, 'before')
    await bob.post(`${pathOf(roomId)}/join`)
    await bob.post(`${pathOf(roomId)}/leave`)
    expect(bodies((await bob.get(`${pathOf(roomId)}/messages?dir=b`))['chunk'])).toEqual(['before'])
    await bob.post(`${pathOf(roomId)}/forget`)
    expect(await bob.refusal('GET', `${pathOf(roomId)}/messages`)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    await bob.post(`${pathOf(roomId)}/join`)
    expect(bodies((await bob.get(`${pathOf(roomId)}/messages?dir=b`))['chunk'])).toEqual(['before'])
  })
})
