import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { slide } from '../../../test/support/sliding.ts'
import { startServer } from '../../../test/support/server.ts'

const voice = 'org.matrix.msc3417.call'
const memberType = 'org.matrix.msc3401.call.member'
const stickyType = 'org.matrix.msc4143.rtc.member'

const joinCall = (client: Client, room: string) =>
  client.setState(
    room,
    memberType,
    { application: 'm.call', call_id: '' },
    `_${client.userId}_${client.deviceId}_m.call`,
  )

forEachDatabase(({ dialect }) => {
  test('everybody may join the call of a voice room, also where nobody may write, in every way of making one', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    for (const type of [voice, 'io.element.video', 'm.call']) {
      for (const override of [
        {},
        { events_default: 50, state_default: 100 },
        { events: { [memberType]: 0, 'org.matrix.msc3401.call': 200 } }, // as Element does
      ]) {
        const room = await alice.createRoom({
          preset: 'public_chat',
          creation_content: { type },
          power_level_content_override: override,
        })
        await bob.post(`/join/${room}`)
        await joinCall(bob, room)
        await bob.send(room, { slot_id: 'm.call#ROOM', msc4354_sticky_key: 'x' }, stickyType)
        const other = `_${alice.userId}_${alice.deviceId}_m.call`
        expect(await bob.refusal('PUT', `/rooms/${room}/state/${memberType}/${other}`, {})).toMatchObject({
          status: 403,
        })
      }
    }
  })

  test('a voice room stays one when it is replaced by a later version', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await alice.createRoom({
      preset: 'public_chat',
      room_version: '10',
      creation_content: { type: voice },
      initial_state: [
        {
          type: 'm.room.power_levels',
          content: { users: { [alice.userId]: 100 }, events_default: 50, state_default: 50 },
        },
      ],
    })
    const { replacement_room: next } = await alice.post(`/rooms/${room}/upgrade`, { new_version: '12' })
    await bob.post(`/join/${next}`)
    await joinCall(bob, next)
    expect(await bob.get(`/rooms/${next}/state/m.room.create/`)).toMatchObject({ type: voice })
  })

  test('apps learn from syncing and from the summary that a room is a voice room', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [room, chat] = [await alice.createRoom({ creation_content: { type: voice } }), await alice.createRoom()]
    const { state, timeline } = (await alice.sync())['rooms'].join[room]
    const events = [...state.events, ...timeline.events] as { type: string; content: object }[]
    expect(events.find(({ type }) => type === 'm.room.create')?.content).toMatchObject({ type: voice })

    const list = (filters: object) => ({
      lists: { all: { ranges: [[0, 9]], timeline_limit: 0, required_state: [], filters } },
    })
    const rooms = async (filters: object) => Object.keys((await slide(alice, list(filters)))['rooms'])
    expect(await rooms({ room_types: [voice] })).toEqual([room])
    expect(await rooms({ not_room_types: [voice] })).toEqual([chat])
    const summary = await alice.get(`/_matrix/client/v1/room_summary/${encodeURIComponent(room)}`)
    expect(summary).toMatchObject({ room_type: voice })
  })

  test('calls ring elsewhere, not in voice rooms, where messages are notified as everywhere', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    for (const version of ['11', '12']) {
      const made = { room_version: version, invite: [bob.userId] }
      const room = await alice.createRoom({ ...made, creation_content: { type: voice } })
      const chat = await alice.createRoom(made)
      const told: string[] = []
      for (const where of [room, chat]) {
        await bob.post(`/join/${where}`)
        const ring = { notification_type: 'ring', 'm.mentions': { user_ids: [], room: true }, lifetime: 30_000 }
        await alice.send(where, ring, 'org.matrix.msc4075.rtc.notification')
        await alice.send(where, { ...ring, 'm.mentions': { user_ids: [bob.userId] } }, 'org.matrix.msc4075.rtc.invite')
        await alice.send(where, { call_id: 'x', version: '1' }, 'm.call.invite')
        const message = await alice.send(where, 'hello')
        const { notifications } = await bob.get('/notifications')
        const here = (notifications as { room_id: string; event: { event_id: string } }[]).filter(
          (one) => one.room_id === where,
        )
        told.push(`${here.length} ${here.some(({ event }) => event.event_id === message)}`)
      }
      expect(told).toEqual(['2 true', '5 true']) // the invitation to the room, too
    }
  })
})
