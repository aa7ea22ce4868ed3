import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'

const encoded = encodeURIComponent

forEachDatabase(({ dialect }) => {
  const start = (): Promise<TestServer> => startServer({ database: dialect })

  test('everything at once, then event by event', async () => {
    await using server = await start()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat', visibility: 'public' })
    const invitedTo = await bob.createRoom({ invite: [alice.userId] })
    const message = await alice.send(roomId, 'one')
    await alice.put(`/user/${encoded(alice.userId)}/account_data/org.example`, { a: 1 })
    const { end, rooms, account_data: accountData } = await alice.get('/initialSync?limit=1')
    expect(accountData).toContainEqual({ type: 'org.example', content: { a: 1 } })
    const [joined, invited] = [
      rooms.find((room: { room_id: string }) => room.room_id === roomId),
      rooms.find((room: { room_id: string }) => room.room_id === invitedTo),
    ]
    expect(joined).toMatchObject({ membership: 'join', visibility: 'public', account_data: [] })
    expect(joined.messages.chunk).toMatchObject([{ event_id: message, room_id: roomId }])
    expect(joined.state.map(({ type }: { type: string }) => type)).toEqual(
      expect.arrayContaining(['m.room.create', 'm.room.member']),
    )
    expect(invited).toMatchObject({
      membership: 'invite',
      invite: { sender: bob.userId, content: { membership: 'invite' } },
    })

    const listening = alice.get(`/events?from=${end}&timeout=30000`)
    const second = await alice.send(roomId, 'two')
    let heard = await listening
    const chunk = [...heard['chunk']]
    while (heard['chunk'].length > 0) {
      heard = await alice.get(`/events?from=${heard['end']}`) // her own presence may have come by itself
      chunk.push(...heard['chunk'])
    }
    expect(chunk).toContainEqual(expect.objectContaining({ event_id: second, room_id: roomId }))
    expect(heard['start']).toBe(heard['end'])
    expect(await alice.get(`/events/${encoded(second)}`)).toMatchObject({ event_id: second, content: { body: 'two' } })
    expect(await bob.refusal('GET', `/events/${encoded(second)}`)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  })

  test('one room, by a member and by who looks into it', async () => {
    await using server = await start()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const visibility = { type: 'm.room.history_visibility', content: { history_visibility: 'world_readable' } }
    const roomId = await alice.createRoom({ preset: 'public_chat', initial_state: [visibility] })
    const [one, two] = [await alice.send(roomId, 'one'), await alice.send(roomId, 'two')]
    const path = `/rooms/${encoded(roomId)}/initialSync?limit=2`
    const ids = (events: { event_id: string }[]): string[] => events.map((event) => event.event_id)
    const own = await alice.get(path)
    expect(own).toMatchObject({ room_id: roomId, membership: 'join', visibility: 'private' })
    expect(ids(own['messages'].chunk)).toEqual([one, two])
    const seen = await bob.get(path)
    expect(seen).not.toHaveProperty('membership')
    expect(seen['state']).toEqual(expect.arrayContaining([expect.objectContaining({ type: 'm.room.create' })]))

    const from = seen['messages'].end as string
    const looking = bob.get(`/events?room_id=${encoded(roomId)}&from=${from}&timeout=30000`)
    const three = await alice.send(roomId, 'three')
    const { chunk, end } = await looking
    expect(ids(chunk)).toEqual([three])
    expect(await bob.get(`/events?room_id=${encoded(roomId)}&from=${end}`)).toMatchObject({ chunk: [] })
    const secret = await alice.createRoom({})
    expect(await bob.refusal('GET', `/rooms/${encoded(secret)}/initialSync`)).toMatchObject({ status: 403 })
    expect(await bob.refusal('GET', `/events?room_id=${encoded(secret)}`)).toMatchObject({ status: 403 })
    expect(await bob.refusal('GET', '/events?from=nonsense')).toMatchObject({ status: 400 })
  })
})
