import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../../test/support/databases.ts'
import { Heart, serverName } from '../../../../test/support/heart.ts'
import type { EventId, RoomId } from '../../../core/ids.ts'
import { Metrics } from '../../../platform/metrics.ts'
import { findEvent } from '../../../storage/events.ts'
import { findRoom } from '../../../storage/rooms.ts'
import { DiskStore } from '../../media/disk-store.ts'
import { MediaAdmin } from '../../media/media-admin.ts'
import { HistoryPurger } from './purger.ts'
import { HistoryPurges } from './purges.ts'

const alice = '@alice:hs.test'
const never = new AbortController().signal

async function open(url: string) {
  const heart = await Heart.open(url)
  const directory = await mkdtemp(join(tmpdir(), 'domovoi-purge-'))
  const mediaAdmin = new MediaAdmin({ database: heart.database, store: new DiskStore(directory) })
  const purger = new HistoryPurger({ ...pick(heart), metrics: new Metrics(), mediaAdmin, serverName })
  const here = async (ids: readonly EventId[]): Promise<number> => (await heart.events.list(ids)).size
  return {
    heart,
    purger,
    here,
    purges: () => new HistoryPurges({ ...pick(heart), purger, serverName }),
    [Symbol.asyncDispose]: async () => {
      await heart[Symbol.asyncDispose]()
      await rm(directory, { recursive: true })
    },
  }
}

const pick = ({ database, streams, clock }: Heart) => ({ database, streams, clock })

/** So many messages, a second apart from each other, the first one at second 1. */
async function talk(heart: Heart, roomId: RoomId, count: number): Promise<EventId[]> {
  const ids: EventId[] = []
  for (let n = 1; n <= count; n++) {
    ids.push(await heart.send(roomId, alice, { content: { body: `${n}` }, timestamp: n * 1000 }))
  }
  return ids
}

forEachDatabase(({ freshUrl }) => {
  test('messages up to a time go with all that was made of them; state and what came later stay', async () => {
    await using world = await open(await freshUrl())
    const { heart, purger, here } = world
    const roomId = await heart.create(alice)
    const topic = await heart.send(roomId, alice, {
      type: 'm.room.topic',
      stateKey: '',
      content: { topic: 'x' },
      timestamp: 1,
    })
    const ids = await talk(heart, roomId, 5)
    const [target = '$'] = ids
    const relation = { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: 'x' } }
    await heart.send(roomId, alice, { type: 'm.reaction', content: relation, timestamp: 2000 })
    const last = await heart.send(roomId, alice, { content: { body: 'last' }, timestamp: 9000 })
    const elsewhere = await talk(heart, await heart.create(alice), 1)

    expect(await purger.purge({ roomId, end: { ts: 3000 } }, never)).toBe(3)
    expect(await here(ids)).toBe(3)
    expect(await here([topic, last, ...elsewhere])).toBe(3)
    expect(await heart.database.rows('select 1 from relations')).toEqual([])
    expect(await purger.purge({ roomId, end: { ts: 3000 } }, never)).toBe(0)
  })

  test('the last message of a room is emptied, and the talk goes on after it', async () => {
    await using world = await open(await freshUrl())
    const { heart, purger, here } = world
    const roomId = await heart.create(alice)
    const ids = await talk(heart, roomId, 3)
    const last = ids.at(-1) ?? '$'
    expect(await purger.purge({ roomId, end: { ts: 10_000 } }, never)).toBe(2)
    expect(await here(ids)).toBe(1)
    expect((await heart.events.find(last))?.contentText).toBe('{}')
    expect((await findEvent(heart.database, last))?.row.json).not.toContain('body')
    const next = await heart.send(roomId, alice, 'next')
    expect((await heart.events.find(next))?.pdu.prev_events).toEqual([last])
    expect((await findRoom(heart.database, roomId))?.extremities).toMatchObject([{ eventId: next }])
    expect(await purger.purge({ roomId, end: { ts: 10_000 } }, never)).toBe(1)
    expect(await here([last])).toBe(0)
  })

  test('more than goes in one transaction goes in several', async () => {
    await using world = await open(await freshUrl())
    const { heart, purger } = world
    const roomId = await heart.create(alice)
    const content = { body: 'x' }
    const drafts = Array.from(
      { length: 450 },
      () => ({ type: 'm.room.message', sender: alice, content, timestamp: 1 }) as const,
    )
    for (let from = 0; from < drafts.length; from += 50) {
      await heart.writer.send(roomId, drafts.slice(from, from + 50))
    }
    await heart.send(roomId, alice, 'last')
    expect(await purger.purge({ roomId, end: { ts: 2 } }, never)).toBe(450)
  })

  test('a purge that the end of the server cut off is done after the next start', async () => {
    await using world = await open(await freshUrl())
    const { heart, here } = world
    const roomId = await heart.create(alice)
    const ids = await talk(heart, roomId, 3)
    await heart.send(roomId, alice, 'last')
    const id = await world.purges().begin(roomId, { ts: 2500 }, { withLocal: true })
    expect(await here(ids)).toBe(3)

    const purges = world.purges()
    expect(await purges.get(id)).toMatchObject({ status: 'active' })
    await purges.start(never)
    await purges.stop()
    expect(await purges.get(id)).toMatchObject({ status: 'complete' })
    expect(await here(ids)).toBe(1)
    await expect(purges.get('unknown')).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' })
  })

  test('purges that wait are counted', async () => {
    await using world = await open(await freshUrl())
    const roomId = await world.heart.create(alice)
    const purges = world.purges()
    const begin = () => purges.begin(roomId, { ts: 1 }, { withLocal: true })
    for (let n = 0; n < 100; n++) await begin()
    await expect(begin()).rejects.toMatchObject({ errcode: 'M_LIMIT_EXCEEDED' })
  })
})
