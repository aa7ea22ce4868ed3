import { once } from 'node:events'
import { expect, test } from '@jest/globals'
import { Client } from '../../../test/support/client.ts'
import { Place, stop } from '../../../test/support/program.ts'

const unstable = '/_matrix/client/unstable/org.matrix.msc4140'

test('what was left with a server that is killed waits on in the next, and is sent once', async () => {
  await using place = await Place.make()
  const env = { DOMOVOI_REGISTRATION__MODE: 'open', DOMOVOI_REGISTRATION__I_ACCEPT_ABUSE_RISK: 'true' }
  const first = await place.start({ env })
  const alice = await new Client(place.url).register('alice', 'password of alice')
  const roomId = await alice.createRoom()
  const path = `/rooms/${encodeURIComponent(roomId)}`
  const { next_batch: since } = await alice.sync()
  const { delay_id: id } = await alice.put(`${path}/send/m.test/1?org.matrix.msc4140.delay=3600000`, { n: 1 })
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')

  const second = await place.start({ env })
  expect((await alice.get(`${unstable}/delayed_events`))['delayed_events']).toMatchObject([{ delay_id: id }])
  await alice.post(`${unstable}/delayed_events/${id}/send`)
  second.child.kill('SIGKILL')
  await once(second.child, 'exit')

  const third = await place.start({ env })
  await alice.post(`${unstable}/delayed_events/${id}/send`)
  const { rooms } = await alice.sync({ since: since as string })
  const events = rooms.join[roomId].timeline.events as { type: string }[]
  expect(events.filter(({ type }) => type === 'm.test')).toHaveLength(1)
  expect(await stop(third.child)).toBe(0)
})
