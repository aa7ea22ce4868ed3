import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { LimitExceeded } from '../../core/errors.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Database } from '../../storage/database.ts'
import { migrate } from '../../storage/migrate.ts'
import { Lockout } from './lockout.ts'

const HOUR_MS = 3_600_000
const settings = { lockout_failures: 3, lockout_time: 60_000 }

/** Milliseconds that a lock lasts yet; 0 for none. */
async function remaining(lockout: Lockout): Promise<number> {
  try {
    await lockout.attempt('@alice:test', '127.0.0.1', () => Promise.resolve(true))
    return 0
  } catch (error) {
    if (error instanceof LimitExceeded) return error.retryAfterMs
    throw error
  }
}

async function lock(lockout: Lockout): Promise<void> {
  for (let n = 0; n < settings.lockout_failures; n++) {
    await lockout.attempt('@alice:test', '127.0.0.1', () => Promise.resolve(undefined))
  }
}

forEachDatabase(({ freshUrl }) => {
  test('T100: a lock lasts as long as it should, however the wall clock jumps', async () => {
    await using database = await Database.open({ url: await freshUrl() })
    await migrate(database)
    const clock = new FakeClock()
    const lockout = new Lockout({ database, clock, settings })
    await lock(lockout)
    clock.jump(HOUR_MS)
    expect(await remaining(lockout)).toBe(60_000)
    await clock.advance(20_000)
    clock.jump(-2 * HOUR_MS)
    expect(await remaining(lockout)).toBe(40_000)
    await clock.advance(40_000)
    expect(await remaining(lockout)).toBe(0)
  })

  test('T100: a lock lasts no longer than it may when the server starts with the clock set back', async () => {
    await using database = await Database.open({ url: await freshUrl() })
    await migrate(database)
    const before = new FakeClock()
    await lock(new Lockout({ database, clock: before, settings }))
    const clock = new FakeClock(before.now() - HOUR_MS)
    const lockout = new Lockout({ database, clock, settings })
    await clock.advance(20_000)
    expect(await remaining(lockout)).toBe(40_000)
    await clock.advance(40_000)
    expect(await remaining(lockout)).toBe(0)
  })
})
