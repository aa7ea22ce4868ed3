import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { slide } from '../../../test/support/sliding.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const name = 'org.matrix.msc4262.profiles'

const setField = (client: Client, field: string, value: unknown) =>
  client.put(`/profile/${client.userId}/${field}`, { [field]: value })

/** Asks for profiles, and shows these rooms. */
function ask(client: Client, rooms: readonly string[], options: Json = {}, pos?: string): Promise<Json> {
  const room = { timeline_limit: 1, required_state: [] }
  const body = {
    room_subscriptions: Object.fromEntries(rooms.map((roomId) => [roomId, room])),
    extensions: { [name]: { enabled: true, ...options } },
  }
  return slide(client, body, pos === undefined ? {} : { pos })
}

const users = ({ extensions }: Json): Json | undefined => extensions[name]?.users as Json | undefined

forEachDatabase(({ dialect: database }) => {
  test('profiles come with the rooms that are shown, then what changes in those of any room', async () => {
    await using server = await startServer({ database })
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const room = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/join/${encodeURIComponent(room)}`)
    await setField(bob, 'displayname', 'Bob')
    await setField(bob, 'm.status', { text: 'in a call' })
    await setField(carol, 'displayname', 'Carol')
    await server.server.settle()

    expect(users(await ask(alice, []))).toBeUndefined()
    const first = await ask(alice, [room], { fields: ['m.status', 'displayname'] })
    expect(users(first)).toEqual({
      [alice.userId]: { updated: { displayname: 'alice' } },
      [bob.userId]: { updated: { displayname: 'Bob', 'm.status': { text: 'in a call' } } },
    })
    const quiet = await ask(alice, [room], {}, first['pos'] as string)
    expect(users(quiet)).toBeUndefined()
    // The client shows no room any more, and hears of Bob all the same; of Carol, with whom Alice shares none, it does not.
    await bob.request('DELETE', `/profile/${bob.userId}/m.status`)
    await setField(bob, 'm.tz', 'Europe/Berlin')
    await setField(carol, 'm.tz', 'Europe/Berlin')
    await setField(alice, 'm.tz', 'Europe/London')
    const changed = await ask(alice, [], {}, quiet['pos'] as string)
    expect(users(changed)).toEqual({
      [bob.userId]: { updated: { 'm.tz': 'Europe/Berlin' }, removed: ['m.status'] },
      [alice.userId]: { updated: { 'm.tz': 'Europe/London' } },
    })
    const other = await ask(alice, [], { fields: ['m.other'] }, quiet['pos'] as string)
    expect(users(other)).toBeUndefined()
  })

  test('who comes into a room is shown with the profile', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await setField(bob, 'm.tz', 'Europe/Berlin')
    const room = await alice.createRoom({ preset: 'public_chat' })
    const first = await ask(alice, [room])
    await bob.post(`/join/${encodeURIComponent(room)}`)
    const second = await ask(alice, [room], {}, first['pos'] as string)
    expect(users(second)).toEqual({ [bob.userId]: { updated: { displayname: 'bob', 'm.tz': 'Europe/Berlin' } } })
  })
})
