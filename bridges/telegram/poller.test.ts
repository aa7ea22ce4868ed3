import { expect, test } from '@jest/globals'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { Metrics } from '../../homeserver/platform/metrics.ts'
import { forEachDatabase, openMigrated } from '../../test/support/databases.ts'
import { bridgeMetrics } from './metrics.ts'
import { Poller, type PollerParts } from './poller.ts'
import { addUpdates } from './store/updates.ts'

const bot = { id: '1', username: 'bot' }

forEachDatabase(({ freshUrl }) => {
  test('while more than 5,000 updates wait, Telegram is asked for none; it is asked again when they are fewer', async () => {
    await using database = await openMigrated(await freshUrl())
    const clock = new FakeClock()
    const updates = Array.from({ length: 5_001 }, (_, id) => ({ id, lane: '-1', json: '{}' }))
    await database.transaction('test', (tx) => addUpdates(tx, bot, updates, clock.now()))
    const stopping = new AbortController()
    let asked = 0
    const telegram = {
      sender: {
        getUpdates: () => {
          asked++
          stopping.abort()
          return Promise.reject(new Error('stopped'))
        },
      },
    }
    const metrics = bridgeMetrics(new Metrics())
    const parts = { telegram, database, clock, bot, retryMs: 1, metrics, arrived: () => undefined }
    const running = new Poller(parts as unknown as PollerParts).run(stopping.signal)
    while (clock.pending === 0) await new Promise(setImmediate)
    expect(asked).toBe(0)
    await database.transaction('test', (tx) => tx.run('delete from telegram_updates where update_id = 0'))
    await clock.advance(1_000)
    await running
    expect(asked).toBe(1)
  })
})
