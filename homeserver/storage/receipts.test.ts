import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Database } from './database.ts'
import { migrate } from './migrate.ts'
import { listReceipts, listReceiptsOf, listRoomReceipts, type ReceiptRow, setReceipts } from './receipts.ts'

const receipt = (row: Partial<ReceiptRow>): ReceiptRow => ({
  room_id: '!room:hs.test',
  user_id: '@alice:hs.test',
  receipt_type: 'm.read',
  thread_id: '',
  event_id: '$event',
  event_stream: 1,
  ts: 1000,
  stream_id: 1,
  ...row,
})

forEachDatabase(({ freshUrl }) => {
  test('private receipts are read by their own user alone', async () => {
    await using database = await Database.open({ url: await freshUrl() })
    await migrate(database)
    const rows = [
      receipt({ stream_id: 1 }),
      receipt({ stream_id: 2, receipt_type: 'm.read.private' }),
      receipt({ stream_id: 3, thread_id: 'main' }),
      receipt({ stream_id: 4, room_id: '!other:hs.test' }),
    ]
    await database.transaction('test', (tx) => setReceipts(tx, rows))
    const idsFor = async (reader: '@alice:hs.test' | '@bob:hs.test', since: number): Promise<number[]> =>
      (await listRoomReceipts(database, ['!room:hs.test'], since, 3, reader)).map(({ stream_id }) => stream_id)
    expect(await idsFor('@alice:hs.test', 0)).toEqual([1, 2, 3])
    expect(await idsFor('@bob:hs.test', 0)).toEqual([1, 3])
    expect(await idsFor('@bob:hs.test', 1)).toEqual([3])
    expect(await listReceiptsOf(database, '!room:hs.test', ['@alice:hs.test', '@bob:hs.test'])).toHaveLength(3)
    expect(await listReceipts(database, rows.slice(0, 2))).toHaveLength(2)
  })
})
