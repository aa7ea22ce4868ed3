import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const encoded = encodeURIComponent

interface Shown {
  readonly actions: unknown
  readonly read: boolean
  readonly room_id: string
  readonly ts: number
  readonly event: { readonly event_id: string; readonly room_id?: string }
}

interface Page {
  readonly notifications: Shown[]
  readonly next_token?: string
}

async function page(client: Client, query: Record<string, string> = {}): Promise<Page> {
  return (await client.get(`/notifications?${new URLSearchParams(query).toString()}`)) as unknown as Page
}

/** Page after page. */
async function all(client: Client, query: Record<string, string> = {}): Promise<Shown[]> {
  const shown: Shown[] = []
  let from: string | undefined
  do {
    const { notifications, next_token: next } = await page(client, from === undefined ? query : { ...query, from })
    shown.push(...notifications)
    from = next
  } while (from !== undefined)
  return shown
}

const idsOf = (shown: readonly Shown[]): string[] => shown.map(({ event }) => event.event_id)

forEachDatabase(({ dialect }) => {
  test('notifications of all rooms are listed, the latest first, with what the rules say and what was read', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const group = await alice.createRoom({ preset: 'public_chat' })
    await alice.send(group, 'before Bob came')
    await bob.post(`/rooms/${encoded(group)}/join`)
    await carol.post(`/rooms/${encoded(group)}/join`)
    const first = await alice.send(group, 'hello')
    await bob.send(group, 'my own')
    const mention = await alice.send(group, { body: 'hi', 'm.mentions': { user_ids: [bob.userId] } })
    const gone = await alice.send(group, 'redacted')
    await alice.put(`/rooms/${encoded(group)}/redact/${encoded(gone)}/txn`, {})
    const direct = await carol.createRoom({ invite: [bob.userId] })
    await bob.post(`/rooms/${encoded(group)}/receipt/m.read/${encoded(first)}`)

    const { notifications, next_token: next } = await page(bob)
    expect(next).toBeUndefined()
    expect(notifications).toMatchObject([
      { room_id: direct, read: false, actions: ['notify', { set_tweak: 'sound', value: 'default' }] },
      {
        room_id: group,
        read: false,
        actions: ['notify', { set_tweak: 'sound', value: 'default' }, { set_tweak: 'highlight' }],
        ts: expect.any(Number),
        event: { event_id: mention, sender: alice.userId, type: 'm.room.message', content: { body: 'hi' } },
      },
      { room_id: group, read: true, actions: ['notify'], event: { event_id: first } },
    ])
    expect(notifications[1]?.event).not.toHaveProperty('room_id')
    expect(idsOf((await page(bob, { only: 'highlight' })).notifications)).toEqual([mention])

    await bob.post(`/rooms/${encoded(direct)}/join`)
    expect((await page(bob)).notifications[0]).toMatchObject({ room_id: direct, read: true })
    await bob.post(`/rooms/${encoded(group)}/leave`)
    expect((await page(bob)).notifications.map(({ room_id }) => room_id)).toEqual([direct])
  })

  test('pages follow each other without gap or repetition, however quiet a room is', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const rooms: string[] = []
    for (let n = 0; n < 3; n++) rooms.push(await alice.createRoom({ preset: 'public_chat' }))
    for (const roomId of rooms) await bob.post(`/rooms/${encoded(roomId)}/join`)
    await bob.put(`/pushrules/global/room/${encoded(rooms[2] ?? '')}`, { actions: [] })
    const sent: string[] = []
    for (let n = 0; n < 40; n++) {
      const roomId = rooms[n % 7 === 0 ? 0 : n % 5 === 0 ? 2 : 1] ?? ''
      const id = await alice.send(roomId, `${n}`)
      if (roomId !== rooms[2]) sent.unshift(id)
    }
    for (const limit of ['1', '7', '100']) expect(idsOf(await all(bob, { limit }))).toEqual(sent)
    expect((await page(bob, { limit: '7' })).notifications).toHaveLength(7)
    expect(await bob.refusal('GET', '/notifications?from=nonsense')).toEqual({
      status: 400,
      errcode: 'M_INVALID_PARAM',
    })
  })
})
