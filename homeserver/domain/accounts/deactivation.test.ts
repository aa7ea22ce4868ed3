import { expect, test } from '@jest/globals'
import { MemoryBus } from '../../platform/bus.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Background } from '../../platform/lifecycle.ts'
import { addAccount, listDeparting } from '../../storage/accounts.ts'
import { Database } from '../../storage/database.ts'
import { migrate } from '../../storage/migrate.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Deactivation } from './deactivation.ts'
import type { AccountHooks } from './hooks.ts'
import { SessionNews } from './session-news.ts'
import { Sessions } from './sessions.ts'

const userId = '@alice:hs.test'
const lifetimes = { access_token_lifetime: 1, refresh_token_lifetime: undefined, session_lifetime: undefined }

forEachDatabase(({ freshUrl }) => {
  test('a deactivated account leaves its rooms until it has succeeded, after a restart too', async () => {
    const clock = new FakeClock()
    await using database = await Database.open({ url: await freshUrl() })
    await migrate(database)
    await database.transaction('test', (tx) => addAccount(tx, { userId, createdTs: 0 }))
    const tries: boolean[] = []
    const start = async (): Promise<{ deactivation: Deactivation; background: Background; stop: AbortController }> => {
      const leave = async (_: string, { erase }: { erase: boolean }): Promise<void> => {
        tries.push(erase)
        if (tries.length < 3) throw new Error('the room is busy')
      }
      const hooks: AccountHooks = {
        arrivals: [],
        devices: [],
        departures: [{ leave }],
        profiles: [],
        remoteProfiles: [],
        externalLogins: [],
      }
      const news = new SessionNews({ bus: new MemoryBus() })
      const background = new Background({ clock })
      const sessions = new Sessions({ database, clock, news, hooks, lifetimes })
      const deactivation = new Deactivation({ database, clock, background, sessions, news, hooks })
      const stop = new AbortController()
      await deactivation.start(stop.signal)
      return { deactivation, background, stop }
    }

    const first = await start()
    await first.deactivation.deactivate(userId, { erase: true })
    await first.background.settle()
    expect(tries).toEqual([true])
    await clock.advance(10 * 60_000)
    await first.background.settle()
    expect(tries).toEqual([true, true])
    expect(await listDeparting(database)).toEqual([userId])
    first.stop.abort()

    const second = await start()
    await second.background.settle()
    expect(tries).toEqual([true, true, true])
    expect(await listDeparting(database)).toEqual([])
    second.stop.abort()
  })
})
