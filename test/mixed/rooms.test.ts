/** Rooms that a real Synapse and a server of ours share: what one of them offers is used by the other, both ways. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { missingPrograms } from '../support/mixed.ts'
import { directions, enter, inRoom, TwoSides, whyNot } from './two-sides.ts'

const describeMixed = missingPrograms.length === 0 ? describe : describe.skip

describeMixed(`rooms shared with Synapse${whyNot}`, () => {
  let sides: TwoSides
  beforeAll(async () => {
    sides = await TwoSides.start()
  })
  afterAll(async () => {
    await sides[Symbol.asyncDispose]()
  })

  describe.each(directions)('%s', (direction) => {
    test.each(['10', '11', '12'])(
      'a room of version %s is joined, spoken in, redacted in, and left',
      async (version) => {
        const { host, guest } = sides.of(direction)
        const [alice, bob] = [await sides.person(host), await sides.person(guest)]
        const options = { preset: 'public_chat', room_version: version, name: 'Shared' }
        const roomId = await alice.client.createRoom(options)
        await alice.client.send(roomId, 'before')
        await enter(bob.client, roomId, host)
        await alice.seesMember(roomId, bob.client.userId, 'join')
        expect(await bob.client.get(inRoom(roomId, 'state/m.room.name'))).toEqual({ name: 'Shared' })
        const hello = await alice.client.send(roomId, 'hello')
        expect(await bob.sees(hello)).toMatchObject({ content: { body: 'hello' }, sender: alice.client.userId })
        const answer = await bob.client.send(roomId, 'good day')
        expect(await alice.sees(answer)).toMatchObject({ content: { body: 'good day' }, sender: bob.client.userId })

        const mine = await bob.client.put(inRoom(roomId, `redact/${answer}/1`), {})
        await alice.sees(mine['event_id'])
        expect(await alice.client.get(inRoom(roomId, `event/${answer}`))).toMatchObject({ content: {} })
        const theirs = await alice.client.put(inRoom(roomId, `redact/${hello}/1`), {})
        await bob.sees(theirs['event_id'])
        expect(await bob.client.get(inRoom(roomId, `event/${hello}`))).toMatchObject({ content: {} })

        const { chunk } = await bob.client.get(inRoom(roomId, 'messages?dir=b&limit=100'))
        expect(chunk.map(({ content }: { content: { body?: string } }) => content.body)).toContain('before')

        await bob.client.post(inRoom(roomId, 'leave'))
        await alice.seesMember(roomId, bob.client.userId, 'leave')
      },
    )

    test('an invitation is accepted, another refused, a third taken back; who was let in is put out', async () => {
      const { host, guest } = sides.of(direction)
      const [alice, bob] = [await sides.person(host), await sides.person(guest)]
      const invite = async (): Promise<string> => {
        const roomId = await alice.client.createRoom({ preset: 'private_chat', name: 'Private' })
        await alice.client.post(inRoom(roomId, 'invite'), { user_id: bob.client.userId })
        const { invite_state: told } = await bob.until(({ invited }) => invited.get(roomId))
        expect(told.events).toContainEqual(
          expect.objectContaining({ type: 'm.room.name', content: { name: 'Private' } }),
        )
        return roomId
      }
      const [accepted, refused, rescinded] = [await invite(), await invite(), await invite()]
      await enter(bob.client, accepted, host)
      await alice.seesMember(accepted, bob.client.userId, 'join')
      await bob.client.post(inRoom(refused, 'leave'))
      await alice.seesMember(refused, bob.client.userId, 'leave')
      await alice.client.post(inRoom(rescinded, 'kick'), { user_id: bob.client.userId })
      await bob.until(({ invited, left }) => left.has(rescinded) || !invited.has(rescinded))
      await alice.client.post(inRoom(accepted, 'ban'), { user_id: bob.client.userId, reason: 'noise' })
      await bob.until(({ left }) => left.has(accepted))
      await expect(enter(bob.client, accepted, host)).rejects.toThrow(/403/)
    })

    test('a room is found by its alias and in the directory', async () => {
      const { host, guest } = sides.of(direction)
      const [alice, bob] = [await sides.person(host), await sides.person(guest)]
      const name = sides.newName('room')
      const roomId = await alice.client.createRoom({
        preset: 'public_chat',
        visibility: 'public',
        room_alias_name: name,
        name: 'Found',
      })
      const alias = `#${name}:${host.name}`
      expect(await bob.client.get(`/directory/room/${encodeURIComponent(alias)}`)).toMatchObject({ room_id: roomId })
      const { chunk } = await bob.client.get(`/publicRooms?server=${encodeURIComponent(host.name)}`)
      expect(chunk).toContainEqual(expect.objectContaining({ room_id: roomId, canonical_alias: alias, name: 'Found' }))
      expect(await enter(bob.client, alias, host)).toBe(roomId)
      await alice.seesMember(roomId, bob.client.userId, 'join')
    })

    test('a room is knocked at, and opens', async () => {
      const { host, guest } = sides.of(direction)
      const [alice, bob] = [await sides.person(host), await sides.person(guest)]
      const roomId = await alice.client.createRoom({
        initial_state: [{ type: 'm.room.join_rules', state_key: '', content: { join_rule: 'knock' } }],
      })
      await enter(bob.client, roomId, host, 'knock')
      await alice.seesMember(roomId, bob.client.userId, 'knock')
      await alice.client.post(inRoom(roomId, 'invite'), { user_id: bob.client.userId })
      await bob.until(({ invited }) => invited.has(roomId))
      await enter(bob.client, roomId, host)
      await alice.seesMember(roomId, bob.client.userId, 'join')
    })

    test('members of a space enter its restricted room, and see it in the hierarchy; others do not', async () => {
      const { host, guest } = sides.of(direction)
      const [alice, bob, carol] = [await sides.person(host), await sides.person(guest), await sides.person(guest)]
      const space = await alice.client.createRoom({ preset: 'public_chat', creation_content: { type: 'm.space' } })
      const roomId = await alice.client.createRoom({
        name: 'Within',
        initial_state: [
          {
            type: 'm.room.join_rules',
            state_key: '',
            content: { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: space }] },
          },
        ],
      })
      await alice.client.setState(space, 'm.space.child', { via: [host.name] }, roomId)
      await expect(enter(carol.client, roomId, host)).rejects.toThrow(/403/)
      await enter(bob.client, space, host)
      await alice.seesMember(space, bob.client.userId, 'join')
      const hierarchy = `/_matrix/client/v1/rooms/${encodeURIComponent(space)}/hierarchy`
      const { rooms } = await bob.client.get(hierarchy)
      expect(rooms).toContainEqual(expect.objectContaining({ room_id: roomId, name: 'Within' }))
      await enter(bob.client, roomId, host)
      await alice.seesMember(roomId, bob.client.userId, 'join')
      const said = await bob.client.send(roomId, 'inside')
      await alice.sees(said)
    })

    test('a room is upgraded, and its people move on', async () => {
      const { host, guest } = sides.of(direction)
      const [alice, bob] = [await sides.person(host), await sides.person(guest)]
      const old = await alice.client.createRoom({ preset: 'public_chat', room_version: '10' })
      await enter(bob.client, old, host)
      const { replacement_room: next } = await alice.client.post(inRoom(old, 'upgrade'), { new_version: '12' })
      const tombstone = await bob.until(({ events }) =>
        [...events.values()].find(({ type, room_id: at }) => type === 'm.room.tombstone' && at === old),
      )
      expect(tombstone['content'].replacement_room).toBe(next)
      await enter(bob.client, next, host)
      await alice.seesMember(next, bob.client.userId, 'join')
      expect(await bob.client.get(inRoom(next, 'state/m.room.create'))).toMatchObject({ room_version: '12' })
      await bob.sees(await alice.client.send(next, 'here we are'))
    })

    test('a moment in a room is found on the other server', async () => {
      const { host, guest } = sides.of(direction)
      const [alice, bob] = [await sides.person(host), await sides.person(guest)]
      const roomId = await alice.client.createRoom({ preset: 'public_chat' })
      const early = await alice.client.send(roomId, 'early')
      const { origin_server_ts: moment } = await alice.client.get(inRoom(roomId, `event/${early}`))
      for (let n = 0; n < 30; n++) await alice.client.send(roomId, `later ${n}`)
      await enter(bob.client, roomId, host)
      const path = `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event`
      expect(await bob.client.get(`${path}?dir=f&ts=${moment}`)).toMatchObject({ event_id: early })
      expect(await bob.client.get(inRoom(roomId, `context/${early}`))).toMatchObject({ event: { event_id: early } })
    })
  })
})
