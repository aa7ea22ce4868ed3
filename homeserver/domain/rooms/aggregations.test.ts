import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import type { JsonObject } from '../../core/event.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import { BundledAggregations } from './aggregations.ts'
import { RelationSummaries } from './relation-summaries.ts'
import { Visibility } from './visibility.ts'

const alice = '@alice:hs.test'
const bob = '@bob:hs.test'
const carol = '@carol:hs.test'

/** What is bundled, with events named by their ids. */
interface Told {
  readonly 'm.replace'?: { readonly event_id: string }
  readonly 'm.reference'?: { readonly chunk: readonly { readonly event_id: string }[] }
  readonly 'm.thread'?: {
    readonly count: number
    readonly current_user_participated: boolean
    readonly latest_event: { readonly event_id: string; readonly unsigned: { readonly 'm.relations'?: Told } }
  }
}

class House {
  readonly heart: Heart
  readonly ignoring = new Map<UserId, Set<string>>()
  readonly #summaries: RelationSummaries

  constructor(heart: Heart, database: Conn = heart.database) {
    this.heart = heart
    this.#summaries = new RelationSummaries({ database, bus: heart.bus, streams: heart.streams })
  }

  async told(eventId: EventId, userId: UserId = alice, summaries = this.#summaries): Promise<Told | undefined> {
    const { database, bus, clock, events, members } = this.heart
    const ignored = { of: (id: UserId) => Promise.resolve(this.ignoring.get(id) ?? new Set<string>()) }
    const visibility = new Visibility({ database, bus, events, members, ignored })
    const aggregations = new BundledAggregations({ database, clock, events, members, visibility, summaries, ignored })
    const event = await events.find(eventId)
    if (!event) throw new Error('no such event')
    const text = (await aggregations.bundle([event], { userId })).get(eventId)
    return text === undefined ? undefined : (JSON.parse(text) as Told)
  }

  /** As a process sees it that has just begun. */
  async toldAfresh(eventId: EventId, userId: UserId): Promise<Told | undefined> {
    return await this.told(eventId, userId, new RelationSummaries(this.heart))
  }
}

function relating(relType: string, target: EventId, more: JsonObject = {}): JsonObject {
  return { body: 'x', ...more, 'm.relates_to': { rel_type: relType, event_id: target } }
}

const edit = (target: EventId): JsonObject => relating('m.replace', target, { 'm.new_content': { body: 'y' } })

async function twoMembers(heart: Heart, state: readonly (readonly [string, JsonObject])[] = []): Promise<RoomId> {
  const roomId = await heart.create(alice, { state })
  await heart.member(roomId, bob, 'join')
  return roomId
}

type Action = readonly ['thread' | 'edit' | 'reference' | 'redact', UserId, number]
const action: fc.Arbitrary<Action> = fc.tuple(
  fc.constantFrom('thread', 'edit', 'reference', 'redact'),
  fc.constantFrom(alice, bob),
  fc.nat(20),
)

async function act(heart: Heart, roomId: RoomId, sent: EventId[], [what, who, at]: Action): Promise<void> {
  const target = sent[at % sent.length]
  if (!target) return
  if (what === 'redact') {
    const isOwn = (await heart.events.find(target))?.row.sender === who
    if (isOwn) await heart.send(roomId, who, { type: 'm.room.redaction', redacts: target })
    return
  }
  const content = what === 'edit' ? edit(target) : relating(`m.${what}`, target)
  sent.push(await heart.send(roomId, who, { content }))
}

forEachDatabase(({ freshUrl }) => {
  test('what memory tells of relations is what the tables tell', async () => {
    await using heart = await Heart.open(await freshUrl())
    const house = new House(heart)
    const roomId = await twoMembers(heart)
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 20 }), async (actions) => {
        const sent = [await heart.send(roomId, alice), await heart.send(roomId, bob)]
        for (const one of actions) {
          await act(heart, roomId, sent, one)
          for (const id of sent.slice(0, 4)) await house.told(id) // so that there is something to be out of date
        }
        for (const id of sent) {
          const [warm, cold] = [await house.told(id, bob), await house.toldAfresh(id, bob)]
          expect(agelessly(warm)).toEqual(agelessly(cold))
        }
      }),
      { numRuns: 8 },
    )
  }, 120_000)

  test('of events that came since the start it is known without the database that nothing relates to them', async () => {
    await using heart = await Heart.open(await freshUrl())
    const asked: string[] = []
    const database: Conn = {
      dialect: heart.database.dialect,
      rows: (sql, bindings) => {
        asked.push(sql)
        return heart.database.rows(sql, bindings)
      },
      row: (sql, bindings) => heart.database.row(sql, bindings),
    }
    const roomId = await twoMembers(heart)
    const old = await heart.send(roomId, alice)
    const house = new House(heart, database)
    const fresh = await heart.send(roomId, alice)
    expect([await house.told(fresh), asked.length]).toEqual([undefined, 0])
    expect([await house.told(old), asked.length]).toEqual([undefined, 1])
    expect([await house.told(old), asked.length]).toEqual([undefined, 1])
    const reply = await heart.send(roomId, alice, { content: relating('m.thread', fresh) })
    expect(await house.told(fresh)).toMatchObject({ 'm.thread': { count: 1, latest_event: { event_id: reply } } })
  })

  test('the latest valid edit is told, and none of a redacted event', async () => {
    await using heart = await Heart.open(await freshUrl())
    const house = new House(heart)
    const roomId = await twoMembers(heart)
    const original = await heart.send(roomId, alice)
    const latest = async (): Promise<string | undefined> => (await house.told(original))?.['m.replace']?.event_id
    await heart.send(roomId, alice, { content: edit(original), timestamp: 1000 })
    const second = await heart.send(roomId, alice, { content: edit(original), timestamp: 3000 })
    const third = await heart.send(roomId, alice, { content: edit(original), timestamp: 2000 }) // later here, earlier by its own time
    await heart.send(roomId, alice, { content: relating('m.replace', original), timestamp: 4000 }) // nothing new in it
    await heart.send(roomId, alice, { type: 'm.sticker', content: edit(original), timestamp: 4000 })
    await heart.send(roomId, bob, { content: edit(original), timestamp: 4000 })
    await heart.send(roomId, alice, { content: edit(second) })
    expect(await latest()).toBe(second)
    expect(await house.told(second)).toBeUndefined()
    await heart.send(roomId, alice, { type: 'm.room.redaction', redacts: second })
    expect(await latest()).toBe(third)
    await heart.send(roomId, alice, { type: 'm.room.redaction', redacts: original })
    expect(await latest()).toBeUndefined()
  })

  test('relations from another room say nothing', async () => {
    await using heart = await Heart.open(await freshUrl())
    const house = new House(heart)
    const [roomId, other] = [await twoMembers(heart), await twoMembers(heart)]
    const target = await heart.send(roomId, alice)
    for (const content of [edit(target), relating('m.thread', target), relating('m.reference', target)]) {
      await heart.send(other, alice, { content })
    }
    expect(await house.told(target)).toBeUndefined()
    expect(await house.told(target, '@stranger:hs.test')).toBeUndefined()
  })

  test('a thread is told with its count, its latest event and what relates to that, and whether one took part', async () => {
    await using heart = await Heart.open(await freshUrl())
    const house = new House(heart)
    const roomId = await twoMembers(heart)
    await heart.member(roomId, carol, 'join')
    const root = await heart.send(roomId, alice)
    await heart.send(roomId, alice, { content: relating('m.thread', root) })
    const latest = await heart.send(roomId, bob, { content: relating('m.thread', root) })
    const edited = await heart.send(roomId, bob, { content: edit(latest) })
    const thread = {
      count: 2,
      latest_event: { event_id: latest, unsigned: { 'm.relations': { 'm.replace': { event_id: edited } } } },
    }
    for (const [user, participated] of [
      [alice, true],
      [bob, true],
      [carol, false],
    ] as const) {
      const expected = { ...thread, current_user_participated: participated }
      expect(await house.told(root, user)).toMatchObject({ 'm.thread': expected })
    }
    house.ignoring.set(carol, new Set([bob]))
    expect((await house.told(root, carol))?.['m.thread']?.count).toBe(1)
    house.ignoring.set(carol, new Set([alice, bob]))
    expect(await house.told(root, carol)).toBeUndefined()
  })

  test('who has left is told what was said before, and nothing of what came after', async () => {
    await using heart = await Heart.open(await freshUrl())
    const house = new House(heart)
    const roomId = await twoMembers(heart)
    const root = await heart.send(roomId, alice)
    const reply = await heart.send(roomId, alice, { content: relating('m.thread', root) })
    const reference = await heart.send(roomId, alice, { content: relating('m.reference', root) })
    await heart.member(roomId, bob, 'leave')
    await heart.send(roomId, alice, { content: relating('m.thread', root) })
    await heart.send(roomId, alice, { content: relating('m.reference', root) })
    await heart.send(roomId, alice, { content: edit(root) })
    expect(await house.told(root, bob)).toEqual({
      'm.reference': { chunk: [{ event_id: reference }] },
      'm.thread': {
        count: 1,
        current_user_participated: false,
        latest_event: expect.objectContaining({ event_id: reply }),
      },
    })
    expect(await house.told(root)).toMatchObject({ 'm.thread': { count: 2 }, 'm.replace': {} })
  })

  test('who came back is not told what was hidden meanwhile', async () => {
    await using heart = await Heart.open(await freshUrl())
    const house = new House(heart)
    const roomId = await twoMembers(heart, [['m.room.history_visibility', { history_visibility: 'joined' }]])
    const root = await heart.send(roomId, alice)
    await heart.member(roomId, bob, 'leave')
    await heart.send(roomId, alice, { content: edit(root) })
    await heart.member(roomId, bob, 'join')
    expect(await house.told(root, bob)).toBeUndefined()
    expect(await house.told(root, alice)).toMatchObject({ 'm.replace': {} })
  })
})

function agelessly(told: Told | undefined): unknown {
  return JSON.parse(JSON.stringify(told ?? null).replaceAll(/"age":\d+/g, '"age":0'))
}
