/** Joining rooms with a part of their state first: nobody waits for the members of a large room. */
import { describe, expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { type FederatedServer, Federation, startTwo } from '../../../test/support/federation.ts'
import { hasOpenssl } from '../../../test/support/certificates.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const describeTls = hasOpenssl ? describe : describe.skip
const at = (roomId: string, action: string): string => `/rooms/${encodeURIComponent(roomId)}/${action}`
const joinPath = (roomId: string): string => `/join/${encodeURIComponent(roomId)}?via=hs1.test`

/** Makes a server wait before it asks for the rest of the state of rooms. */
function hold({ services }: FederatedServer): { readonly asked: Promise<void>; release(): void } {
  const { federationClient: client } = services
  const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const get = client.get.bind(client)
  client.get = async (server, path, call) => {
    if (path.includes('/state_ids/')) {
      asked.resolve()
      await released.promise
    }
    return await get(server, path, call)
  }
  return { asked: asked.promise, release: () => released.resolve() }
}

async function membersOf(client: Client, roomId: string): Promise<string[]> {
  const { joined } = await client.get(at(roomId, 'joined_members'))
  return Object.keys(joined as object).toSorted()
}

/** Resolves when the client can read the event. */
async function told(client: Client, roomId: string, eventId: string): Promise<void> {
  let since: string | undefined
  for (;;) {
    const answer = await client.sync({ ...lazily, ...(since === undefined ? {} : { since, timeout: 10_000 }) })
    const events = (answer['rooms']?.join?.[roomId]?.timeline.events ?? []) as Json[]
    if (events.some((event) => event['event_id'] === eventId)) return
    since = answer['next_batch'] as string
  }
}

const lazily = { filter: JSON.stringify({ room: { state: { lazy_load_members: true } } }) }

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('a room is there before its members, and whole when they have come', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, amy] = [await hs1.server.register('alice'), await hs1.server.register('amy')]
      const bob = await hs2.server.register('bob')
      const roomId = await alice.createRoom({ preset: 'public_chat', name: 'Hall' })
      await amy.post(at(roomId, 'join'))
      const { next_batch: before } = await bob.sync()
      const resync = hold(hs2)
      await bob.post(joinPath(roomId))
      await resync.asked

      const lazy = await bob.sync(lazily)
      expect(Object.keys(lazy['rooms'].join)).toEqual([roomId])
      const eager = await bob.sync({ since: before as string })
      expect(eager['rooms']?.join).toBeUndefined()
      expect(await alice.get(at(roomId, `state/m.room.member/${bob.userId}`))).toMatchObject({ membership: 'join' })

      const members = membersOf(bob, roomId)
      resync.release()
      expect(await members).toEqual([alice.userId, amy.userId, bob.userId])
      const whole = await bob.sync({ since: eager['next_batch'] as string })
      const { state, timeline } = whole['rooms'].join[roomId]
      const told = [...state.events, ...timeline.events].filter(({ type }: Json) => type === 'm.room.member')
      const names = told.map(({ state_key: key }: Json) => key as string)
      expect(new Set(names)).toEqual(new Set([alice.userId, amy.userId, bob.userId]))
    })

    test('meanwhile people talk across servers and come in, and what needs all members waits', async () => {
      const federation = await Federation.make('hs1.test', 'hs2.test', 'hs3.test')
      await using _ = federation
      const start = async (name: string): Promise<FederatedServer> =>
        await federation.start(name, { database: dialect })
      const [hs1, hs2, hs3] = await Promise.all([start('hs1.test'), start('hs2.test'), start('hs3.test')])
      const [alice, carol] = [await hs1.server.register('alice'), await hs3.server.register('carol')]
      const [bob, bill] = [await hs2.server.register('bob'), await hs2.server.register('bill')]
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      await carol.post(joinPath(roomId))
      await membersOf(carol, roomId)
      const resync = hold(hs2)
      await bob.post(joinPath(roomId))
      await resync.asked

      // The word of bob's server is that carol's is in the room, and carol's event says who she is.
      await told(carol, roomId, await bob.send(roomId, 'hello'))
      const answer = await carol.send(roomId, 'good day')
      await told(bob, roomId, answer)
      const { rooms } = await bob.sync(lazily)
      const members = (rooms.join[roomId].state.events as Json[]).filter(({ type }) => type === 'm.room.member')
      expect(members.map((event) => event['state_key'])).toContain(carol.userId)

      await bill.post(joinPath(roomId))
      await told(alice, roomId, await bill.send(roomId, 'me too'))
      const asking = bob.get(at(roomId, `state/m.room.member/${alice.userId}`))
      resync.release()
      expect(await asking).toMatchObject({ membership: 'join' })
      const all = [alice.userId, bill.userId, bob.userId, carol.userId]
      for (const client of [alice, bob, carol]) expect(await membersOf(client, roomId)).toEqual(all)
    })
  })
})
