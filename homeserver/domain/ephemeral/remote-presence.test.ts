import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { RemotePresence, type RemoteReport } from './remote-presence.ts'

const online: RemoteReport = { state: 'online', lastActiveAgo: 5_000, currentlyActive: true, statusMsg: 'hi\0' }
const minutes = 60_000

test('a server that falls silent leaves its users offline', async () => {
  const clock = new FakeClock()
  const remote = new RemotePresence(clock)
  const carol = remote.accept('@carol:other.test', online)
  expect(carol).toEqual({
    user_id: '@carol:other.test',
    state: 'online',
    status_msg: 'hi',
    last_active_ts: clock.now() - 5_000,
    currently_active: 1,
  })
  await clock.advance(20 * minutes)
  remote.accept('@dave:other.test', { ...online, statusMsg: null, lastActiveAgo: -1 })
  expect(remote.takeGone()).toEqual([])
  await clock.advance(10 * minutes)
  expect(remote.takeGone()).toEqual([{ ...carol, state: 'offline', currently_active: 0 }])
  remote.accept('@dave:other.test', { ...online, state: 'offline' })
  await clock.advance(60 * minutes)
  expect(remote.takeGone()).toEqual([])
})
