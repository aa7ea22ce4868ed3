import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

interface Told {
  readonly type: string
  readonly state_key?: string
  readonly content: { readonly body?: string; readonly topic?: string }
}

const bodies = (events: Told[]): unknown[] => events.map(({ content }) => content.body)
const pathOf = (roomId: string): string => `/rooms/${encodeURIComponent(roomId)}`

forEachDatabase(({ dialect }) => {
  test('an event is shown between its neighbours, with the places to go on from', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const sent: string[] = []
    for (let i = 0; i < 7; i++) sent.push(await alice.send(roomId, String(i)))
    const context = await alice.get(`${pathOf(roomId)}/context/${sent[3]}?limit=4`)
    expect(bodies([context['event']])).toEqual(['3'])
    expect(bodies(context['events_before'])).toEqual(['2', '1'])
    expect(bodies(context['events_after'])).toEqual(['4', '5'])
    const before = await alice.get(`${pathOf(roomId)}/messages?dir=b&limit=1&from=${context['start']}`)
    const after = await alice.get(`${pathOf(roomId)}/messages?dir=f&limit=1&from=${context['end']}`)
    expect(bodies([...before['chunk'], ...after['chunk']])).toEqual(['0', '6'])
    const alone = await alice.get(`${pathOf(roomId)}/context/${sent[3]}?limit=0`)
    expect([alone['events_before'], alone['events_after'], bodies([alone['event']])]).toEqual([[], [], ['3']])
    const last = await alice.get(`${pathOf(roomId)}/context/${sent[6]}?limit=1`)
    expect([last['events_before'], last['events_after']]).toEqual([[], []])
    expect((await alice.get(`${pathOf(roomId)}/messages?dir=f&from=${last['end']}`))['chunk']).toEqual([])
  })

  test('the state is that of the last event shown, with lazy loading only of those who speak', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const roomId = await alice.createRoom({ preset: 'public_chat', topic: 'old' })
    for (const member of [bob, carol]) await member.post(`${pathOf(roomId)}/join`)
    const middle = await bob.send(roomId, 'middle')
    await alice.setState(roomId, 'm.room.topic', { topic: 'new' })
    const state = async (query: string): Promise<Told[]> =>
      (await alice.get(`${pathOf(roomId)}/context/${middle}?${query}`))['state']
    const topicOf = (events: Told[]): unknown => events.find(({ type }) => type === 'm.room.topic')?.content.topic
    expect(topicOf(await state('limit=0'))).toBe('old')
    expect(topicOf(await state('limit=4'))).toBe('new')
    const membersOf = (events: Told[]): unknown[] =>
      events.flatMap(({ type, state_key }) => (type === 'm.room.member' ? state_key : []))
    expect(new Set(membersOf(await state('limit=0')))).toEqual(new Set([alice.userId, bob.userId, carol.userId]))
    const lazy = encodeURIComponent(JSON.stringify({ lazy_load_members: true }))
    expect(membersOf(await state(`limit=0&filter=${lazy}`))).toEqual([bob.userId])
    const topics = encodeURIComponent(JSON.stringify({ types: ['m.room.topic'] }))
    expect((await state(`limit=0&filter=${topics}`)).map(({ type }) => type)).toEqual(['m.room.topic'])
  })

  test('an event of another room, or none at all, has no context', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [roomId, other] = [await alice.createRoom(), await alice.createRoom()]
    const event = await alice.send(roomId, 'here')
    const notFound = { status: 404, errcode: 'M_NOT_FOUND' }
    for (const kind of ['context', 'event']) {
      expect(await alice.refusal('GET', `${pathOf(other)}/${kind}/${event}`)).toEqual(notFound)
      expect(await alice.refusal('GET', `${pathOf(roomId)}/${kind}/$nothing`)).toEqual(notFound)
      expect(await alice.refusal('GET', `${pathOf(roomId)}/${kind}/nonsense`)).toEqual(notFound)
    }
  })
})
