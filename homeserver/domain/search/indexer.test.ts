import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import { findSearchPosition } from '../../storage/search.ts'
import { SearchIndexer } from './indexer.ts'

const alice = '@alice:hs.test'

async function indexing(heart: Heart): Promise<SearchIndexer & AsyncDisposable> {
  const indexer = new SearchIndexer({ ...partsOf(heart), metrics: new Metrics() })
  const abort = new AbortController()
  await indexer.start(abort.signal)
  return Object.assign(indexer, {
    async [Symbol.asyncDispose]() {
      abort.abort()
      await indexer.stop()
    },
  })
}

function partsOf({ database, clock, bus, streams }: Heart): Pick<Heart, 'database' | 'clock' | 'bus' | 'streams'> {
  return { database, clock, bus, streams }
}

async function edit(heart: Heart, roomId: RoomId, target: EventId, body: string): Promise<EventId> {
  const relation = { rel_type: 'm.replace', event_id: target }
  return await heart.send(roomId, alice, { content: { body, 'm.new_content': { body }, 'm.relates_to': relation } })
}

async function redact(heart: Heart, roomId: RoomId, redacts: EventId): Promise<void> {
  await heart.send(roomId, alice, { type: 'm.room.redaction', content: { redacts }, redacts })
}

/** Whether a word is anywhere in the tables of the index, those that SQLite keeps for itself included. */
async function holds(database: Database, word: string): Promise<boolean> {
  const tables =
    database.dialect === 'postgres'
      ? [`select 1 from search_documents where cast(words as text) like ?`]
      : [
          `select 1 from search_documents where words like ?`,
          `select 1 from search_index_data where cast(block as text) like ? or instr(block, cast('${word}' as blob)) > 0`,
        ]
  const found = await Promise.all(tables.map((sql) => database.row(sql, [`%${word}%`])))
  return found.some((row) => row !== undefined)
}

forEachDatabase(({ freshUrl }) => {
  test('what was there before the index is indexed, and after a restart it goes on where it was', async () => {
    await using heart = await Heart.open(await freshUrl())
    const roomId = await heart.create(alice)
    const texts = (count: number): Promise<EventId>[] =>
      Array.from({ length: count }, (_, n) => heart.send(roomId, alice, `before ${n}`))
    await Promise.all(texts(450))
    const count = async (): Promise<number | undefined> =>
      (await heart.database.row<{ count: number }>('select count(*) as count from search_documents'))?.count
    {
      await using indexer = await indexing(heart)
      await indexer.reach(heart.streams.position('events'))
      expect(await count()).toBe(450)
    }
    expect(await findSearchPosition(heart.database)).toBe(heart.streams.position('events'))
    await Promise.all(texts(3))
    expect(await count()).toBe(450)
    await using indexer = await indexing(heart)
    await indexer.reach(heart.streams.position('events'))
    expect(await count()).toBe(453)
  })

  test('the words of a redacted event leave every table with the event, those of its edits too', async () => {
    await using heart = await Heart.open(await freshUrl())
    const roomId = await heart.create(alice)
    await using indexer = await indexing(heart)
    const indexed = (): Promise<void> => indexer.reach(heart.streams.position('events'))
    const plain = await heart.send(roomId, alice, 'zqplain')
    const edited = await heart.send(roomId, alice, 'zqoriginal')
    await edit(heart, roomId, edited, 'zqfirst')
    await indexed()
    const last = await edit(heart, roomId, edited, 'zqlast')
    await indexed()
    const words = ['zqplain', 'zqoriginal', 'zqfirst', 'zqlast']
    const held = async (): Promise<string[]> => {
      const found = await Promise.all(words.map((word) => holds(heart.database, word)))
      return words.filter((_, index) => found[index])
    }
    expect(await held()).toEqual(['zqplain', 'zqlast'])
    await redact(heart, roomId, last)
    expect(await held()).toEqual(['zqplain'])
    await indexed()
    expect(await held()).toEqual(['zqplain', 'zqfirst'])
    await redact(heart, roomId, edited)
    expect(await held()).toEqual(['zqplain'])
    await redact(heart, roomId, plain)
    expect(await held()).toEqual([])
    await indexed()
    expect(await held()).toEqual([])
    expect(await heart.database.rows('select * from search_documents')).toEqual([])
  })

  test('news is gathered for a moment, unless somebody searches', async () => {
    const clock = new FakeClock()
    await using heart = await Heart.open(await freshUrl(), { clock })
    const roomId = await heart.create(alice)
    const indexer = new SearchIndexer({ ...partsOf(heart), metrics: new Metrics() })
    const abort = new AbortController()
    await indexer.start(abort.signal)
    await heart.send(roomId, alice)
    await clock.advance(900)
    expect(await findSearchPosition(heart.database)).toBe(0)
    await clock.advance(100)
    abort.abort()
    await indexer.stop()
    expect(await findSearchPosition(heart.database)).toBe(heart.streams.position('events'))
  })

  test('who waits for an index that does not come on is not held up for long', async () => {
    const clock = new FakeClock()
    await using heart = await Heart.open(await freshUrl(), { clock })
    await heart.create(alice)
    const indexer = new SearchIndexer({ ...partsOf(heart), metrics: new Metrics() })
    const reached = indexer.reach(heart.streams.position('events'))
    await clock.advance(5_000)
    await reached
    expect(clock.pending).toBe(0)
  })
})
