import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import type { Conn } from '../../storage/database.ts'
import { EventCache } from './event-cache.ts'

const alice = '@alice:hs.test'

forEachDatabase(({ freshUrl }) => {
  test('an event that is redacted while it is read does not stay in memory as it was', async () => {
    await using heart = await Heart.open(await freshUrl())
    const { database } = heart
    const roomId = await heart.create(alice)
    const secret = await heart.send(roomId, alice, 'secret')
    /** Its answer is on the way while the redaction is committed. */
    const slow: Conn = {
      dialect: database.dialect,
      async rows<Row>(...query: Parameters<Conn['rows']>) {
        const rows = await database.rows<Row>(...query)
        await heart.send(roomId, alice, { type: 'm.room.redaction', redacts: secret })
        return rows
      },
      row: (...query) => database.row(...query),
    }
    const cache = new EventCache(heart)
    await cache.list([secret], slow)
    expect((await cache.find(secret))?.contentText).toBe('{}')
  })
})
