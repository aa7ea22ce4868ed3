import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { PushGateway } from '../../../test/support/push-gateway.ts'
import { startServer } from '../../../test/support/server.ts'

const encoded = encodeURIComponent

/** As clients do that begin a call. */
const ring = (client: Client, roomId: string): Promise<string> =>
  client.send(
    roomId,
    { notification_type: 'ring', 'm.mentions': { user_ids: [], room: true }, sender_ts: Date.now(), lifetime: 90_000 },
    'org.matrix.msc4075.rtc.notification',
  )

forEachDatabase(({ dialect }) => {
  test('rtc 30: whoever has no rights in a chat of two can ring there; a room that was muted stays silent', async () => {
    await using gateway = await PushGateway.start()
    await using server = await startServer({ database: dialect, config: 'outgoing: { allow_ranges: [127.0.0.0/8] }' })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const talk = async (): Promise<string> => {
      const roomId = await alice.createRoom({ preset: 'private_chat', is_direct: true, invite: [bob.userId] })
      await bob.post(`/rooms/${encoded(roomId)}/join`)
      return roomId
    }
    const [loud, muted, mentionsOnly] = [await talk(), await talk(), await talk()]
    const { users } = await alice.get(`/rooms/${encoded(loud)}/state/m.room.power_levels`)
    expect(users).not.toHaveProperty([bob.userId])
    const conditions = [{ kind: 'event_match', key: 'room_id', pattern: muted }]
    await alice.put(`/pushrules/global/override/${encoded(muted)}`, { conditions, actions: [] })
    await alice.put(`/pushrules/global/room/${encoded(mentionsOnly)}`, { actions: [] })
    await server.server.settle()
    await alice.post('/pushers/set', {
      kind: 'http',
      app_id: 'org.example.app',
      pushkey: 'key',
      app_display_name: 'App',
      device_display_name: 'Telephone',
      lang: 'en',
      data: { url: gateway.url },
    })
    await ring(bob, muted)
    await ring(bob, mentionsOnly)
    const eventId = await ring(bob, loud)
    expect(await gateway.next(0)).toMatchObject({
      event_id: eventId,
      room_id: loud,
      prio: 'high',
      devices: [{ tweaks: { sound: 'ring' } }],
    })
    await server.server.settle()
    expect(gateway.events).toEqual([eventId])
  })
})
