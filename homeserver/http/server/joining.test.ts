import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { type FederatedServer, Federation, startTwo } from '../../../test/support/federation.ts'
import type { JsonObject } from '../../core/event.ts'
import { federationPath } from '../../domain/federation/client.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const describeTls = hasOpenssl ? describe : describe.skip
const at = (roomId: string, action: string): string => `/rooms/${encodeURIComponent(roomId)}/${action}`
const joinPath = (room: string, ...servers: readonly string[]): string =>
  `/join/${encodeURIComponent(room)}?${servers.map((server) => `via=${server}`).join('&')}`
const knockPath = (room: string, server: string): string => `/knock/${encodeURIComponent(room)}?server_name=${server}`

const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }
const notFound = { status: 404, errcode: 'M_NOT_FOUND' }

async function membersOf(client: Client, roomId: string): Promise<string[]> {
  const { joined } = await client.get(at(roomId, 'joined_members'))
  return Object.keys(joined as object).toSorted()
}

async function membershipOf(client: Client, roomId: string, userId: string): Promise<unknown> {
  return (await client.get(at(roomId, `state/m.room.member/${userId}`)))['membership']
}

/** The rooms of a sync: `stripped(bob, 'invite')[roomId]` are the stripped events of an invitation. */
async function stripped(client: Client, kind: 'invite' | 'knock'): Promise<Record<string, Json[]>> {
  const { rooms } = await client.sync()
  const found = Object.entries((rooms?.[kind] ?? {}) as Json)
  return Object.fromEntries(found.map(([roomId, room]) => [roomId, room[`${kind}_state`].events]))
}

/** Syncs on, from `since` or from the beginning, until what comes has what is looked for. */
async function syncUntil(client: Client, has: (rooms: Json) => unknown, since?: string): Promise<void> {
  for (;;) {
    const answer = await client.sync({ timeout: 10_000, ...(since === undefined ? {} : { since }) })
    if (has((answer['rooms'] ?? {}) as Json)) return
    since = answer['next_batch'] as string
  }
}

const sees = async (client: Client, roomId: string, eventId: string): Promise<void> =>
  await syncUntil(client, ({ join }) => {
    const { state, timeline } = join?.[roomId] ?? {}
    return [...(state?.events ?? []), ...(timeline?.events ?? [])].some((event) => event.event_id === eventId)
  })

const restrictedTo = (roomId: string): Json => ({
  type: 'm.room.join_rules',
  state_key: '',
  content: { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: roomId, via: ['hs1.test'] }] },
})

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test.each(['1', '6', '11', '12'])('a user joins a public room of version %s of another server', async (version) => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const roomId = await alice.createRoom({ preset: 'public_chat', name: 'Hall', room_version: version })
      expect(await bob.post(joinPath(roomId, 'hs1.test'))).toEqual({ room_id: roomId })

      const both = [alice.userId, bob.userId]
      expect(await membersOf(alice, roomId)).toEqual(both)
      expect(await membersOf(bob, roomId)).toEqual(both)
      const { rooms } = await bob.sync()
      const { state, timeline } = rooms.join[roomId]
      const types = [...state.events, ...timeline.events].map((event: Json) => event['type'])
      expect(types).toEqual(expect.arrayContaining(['m.room.create', 'm.room.name', 'm.room.power_levels']))
      await bob.send(roomId, 'hello')

      // Whoever comes next finds the room here.
      const carol = await hs2.server.register('carol')
      await carol.post(joinPath(roomId))
      expect(await membersOf(bob, roomId)).toEqual([...both, carol.userId])
    })

    test('a room is joined by an alias of another server, and found by a second server if the first one fails', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const named = await alice.createRoom({ preset: 'public_chat', room_alias_name: 'hall' })
      expect(await bob.post(joinPath('#hall:hs1.test'))).toEqual({ room_id: named })
      expect(await bob.refusal('POST', joinPath('#nowhere:hs1.test'), {})).toEqual(notFound)

      const other = await alice.createRoom({ preset: 'public_chat', room_version: '12' })
      expect(await bob.refusal('POST', joinPath(other), {})).toEqual(notFound)
      expect(await bob.refusal('POST', joinPath(other, 'down.test'), {})).toMatchObject({ status: 502 })
      await bob.post(joinPath(other, 'down.test', 'hs2.test', 'hs1.test'))
      expect(await membersOf(alice, other)).toEqual([alice.userId, bob.userId])
    })

    test('two users who enter a room at the same time both come in', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const carol = await hs2.server.register('carol')
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      await Promise.all([bob, carol, bob].map((client) => client.post(joinPath(roomId, 'hs1.test'))))
      expect(await membersOf(bob, roomId)).toEqual([alice.userId, bob.userId, carol.userId])
    })

    test.each(['1', '10', '12'])(
      'a user is invited into a room of version %s, sees what it is, and comes in',
      async (version) => {
        const { federation, hs1, hs2 } = await startTwo(dialect)
        await using _ = federation
        const [alice, bob] = await users(hs1, hs2)
        const roomId = await alice.createRoom({ name: 'Kitchen', room_version: version })
        await alice.post(at(roomId, 'invite'), { user_id: bob.userId, reason: 'dinner' })
        expect(await membershipOf(alice, roomId, bob.userId)).toBe('invite')

        const shown = (await stripped(bob, 'invite'))[roomId] ?? []
        expect(shown).toContainEqual(expect.objectContaining({ type: 'm.room.name', content: { name: 'Kitchen' } }))
        expect(shown).toContainEqual(expect.objectContaining({ type: 'm.room.create', depth: 1 }))
        const member = {
          type: 'm.room.member',
          state_key: alice.userId,
          content: expect.objectContaining({ membership: 'join' }),
        }
        expect(shown).toContainEqual(expect.objectContaining(member))
        expect(shown.at(-1)).toMatchObject({
          sender: alice.userId,
          content: { membership: 'invite', reason: 'dinner' },
        })

        await bob.post(at(roomId, 'join'))
        expect(await membersOf(bob, roomId)).toEqual([alice.userId, bob.userId])
        expect(await membershipOf(alice, roomId, bob.userId)).toBe('join')
        expect(await stripped(bob, 'invite')).toEqual({})
      },
    )

    test('invitations into a new room reach other servers, and one that does not answer is no obstacle', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const invite = [bob.userId, '@nobody:hs2.test', '@dora:down.test']
      const roomId = await alice.createRoom({ invite, is_direct: true })
      expect(await membershipOf(alice, roomId, bob.userId)).toBe('invite')
      expect((await stripped(bob, 'invite'))[roomId]?.at(-1)).toMatchObject({ content: { is_direct: true } })
      expect(await alice.refusal('GET', at(roomId, 'state/m.room.member/@nobody:hs2.test'))).toEqual(notFound)
      expect(await alice.refusal('POST', at(roomId, 'invite'), { user_id: '@nobody:hs2.test' })).toEqual(notFound)
      const closed = { invite: [bob.userId], creation_content: { 'm.federate': false } }
      expect(await alice.refusal('POST', '/createRoom', closed)).toEqual(forbidden)
    })

    test('an invitation is refused, on the server that sent it, too', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const roomId = await alice.createRoom({ invite: [bob.userId] })
      await bob.post(at(roomId, 'leave'))
      expect(await membershipOf(alice, roomId, bob.userId)).toBe('leave')
      expect(await stripped(bob, 'invite')).toEqual({})
      expect(await bob.refusal('POST', joinPath(roomId, 'hs1.test'), {})).toEqual(forbidden)

      await alice.post(at(roomId, 'invite'), { user_id: bob.userId })
      expect(Object.keys(await stripped(bob, 'invite'))).toEqual([roomId])
      await alice.post(at(roomId, 'leave'))
      await bob.post(at(roomId, 'leave')) // nobody is there to hear of it
      expect(await stripped(bob, 'invite')).toEqual({})
    })

    test('who takes no invites is not invited by other servers either', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      await bob.put(`/user/${bob.userId}/account_data/m.invite_permission_config`, { default_action: 'block' })
      const roomId = await alice.createRoom()
      const blocked = { status: 403, errcode: 'M_INVITE_BLOCKED' }
      expect(await alice.refusal('POST', at(roomId, 'invite'), { user_id: bob.userId })).toEqual(blocked)
      expect(await alice.refusal('GET', at(roomId, `state/m.room.member/${bob.userId}`))).toEqual(notFound)
    })

    test('one knocks at a room of another server, and takes it back', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const roomId = await alice.createRoom({ name: 'Study' })
      expect(await bob.refusal('POST', knockPath(roomId, 'hs1.test'), {})).toEqual(forbidden)
      await alice.setState(roomId, 'm.room.join_rules', { join_rule: 'knock' })
      await bob.post(knockPath(roomId, 'hs1.test'), { reason: 'please' })
      expect(await alice.get(at(roomId, `state/m.room.member/${bob.userId}`))).toMatchObject({
        membership: 'knock',
        reason: 'please',
      })
      const shown = (await stripped(bob, 'knock'))[roomId] ?? []
      expect(shown).toContainEqual(expect.objectContaining({ type: 'm.room.name', content: { name: 'Study' } }))

      await bob.post(at(roomId, 'leave'))
      expect(await membershipOf(alice, roomId, bob.userId)).toBe('leave')
      expect(await stripped(bob, 'knock')).toEqual({})
    })

    test('who is in an allowed room comes into a restricted one by the word of a member of it', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const club = await alice.createRoom({ preset: 'public_chat' })
      const roomId = await alice.createRoom({ initial_state: [restrictedTo(club)] })
      expect(await bob.refusal('POST', joinPath(roomId, 'hs1.test'), {})).toEqual(forbidden)
      await bob.post(joinPath(club, 'hs1.test'))
      await bob.post(joinPath(roomId, 'hs1.test'))
      for (const client of [alice, bob]) {
        expect(await client.get(at(roomId, `state/m.room.member/${bob.userId}`))).toEqual({
          membership: 'join',
          displayname: 'bob',
          join_authorised_via_users_server: alice.userId,
        })
      }

      // This server is in the room now, but nobody of it may let in others.
      const levels = await alice.get(at(roomId, 'state/m.room.power_levels/'))
      await sees(bob, roomId, await alice.setState(roomId, 'm.room.power_levels', { ...levels, invite: 100 }))
      const carol = await hs2.server.register('carol')
      expect(await carol.refusal('POST', joinPath(roomId), {})).toEqual(forbidden)
      await carol.post(joinPath(club))
      await syncUntil(alice, ({ join }) =>
        join?.[club]?.timeline.events.some((event: Json) => event['state_key'] === carol.userId),
      )
      await carol.post(joinPath(roomId))
      expect(await bob.get(at(roomId, `state/m.room.member/${carol.userId}`))).toMatchObject({
        membership: 'join',
        join_authorised_via_users_server: alice.userId,
      })
    })

    test('an invitation is taken back by who sent it, and by nobody else', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const amy = await hs1.server.register('amy')
      const kept = await alice.createRoom({ invite: [amy.userId] })
      await amy.post(at(kept, 'join'))
      await amy.post(at(kept, 'invite'), { user_id: bob.userId })
      const taken = await alice.createRoom({ invite: [bob.userId] })
      expect(Object.keys(await stripped(bob, 'invite')).toSorted()).toEqual([kept, taken].toSorted())
      await alice.post(at(kept, 'kick'), { user_id: bob.userId })
      await alice.post(at(taken, 'kick'), { user_id: bob.userId, reason: 'changed my mind' })
      await syncUntil(bob, ({ invite }) => !invite?.[taken])
      expect(Object.keys(await stripped(bob, 'invite'))).toEqual([kept])
    })

    test('what is said in a room is heard on every server in it, also by who comes through another one', async () => {
      const federation = await Federation.make('hs1.test', 'hs2.test', 'hs3.test')
      await using _ = federation
      const [hs1, hs2, hs3] = await Promise.all(
        (['hs1.test', 'hs2.test', 'hs3.test'] as const).map((name) => federation.start(name, { database: dialect })),
      )
      if (!hs1 || !hs2 || !hs3) throw new Error('three servers were started')
      const [alice, bob] = await users(hs1, hs2)
      const carol = await hs3.server.register('carol')
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      await bob.post(joinPath(roomId, 'hs1.test'))
      await carol.post(joinPath(roomId, 'hs2.test')) // hs2 tells hs1 of it
      await syncUntil(alice, ({ join }) =>
        join?.[roomId]?.timeline.events.some((event: Json) => event['state_key'] === carol.userId),
      )
      for (const [sender, ...others] of [
        [alice, bob, carol],
        [bob, carol, alice],
        [carol, alice, bob],
      ] as const) {
        const eventId = await sender.send(roomId, `from ${sender.userId}`)
        await Promise.all(others.map((other) => sees(other, roomId, eventId)))
      }

      // Who has left hears no more, and may come back.
      await bob.post(at(roomId, 'leave'))
      await syncUntil(carol, ({ join }) =>
        join?.[roomId]?.timeline.events.some((event: Json) => event['content'].membership === 'leave'),
      )
      expect(await membersOf(carol, roomId)).toEqual([alice.userId, carol.userId])
      const unheard = await alice.send(roomId, 'without bob')
      await sees(carol, roomId, unheard)
      const { next_batch: before } = await carol.sync()
      await bob.post(joinPath(roomId))
      await syncUntil(carol, ({ join }) => join?.[roomId], before as string) // her server knows then that it has to tell his
      const heard = await carol.send(roomId, 'with bob again')
      await sees(bob, roomId, heard)
      expect(await membersOf(bob, roomId)).toEqual([alice.userId, bob.userId, carol.userId])
    })

    test('who is banned, or of a server that is shut out, does not come in', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      await alice.post(at(roomId, 'ban'), { user_id: bob.userId })
      expect(await bob.refusal('POST', joinPath(roomId, 'hs1.test'), {})).toEqual(forbidden)
      await alice.post(at(roomId, 'unban'), { user_id: bob.userId })
      await alice.setState(roomId, 'm.room.server_acl', { allow: ['*'], deny: ['HS2.test'] })
      expect(await bob.refusal('POST', joinPath(roomId, 'hs1.test'), {})).toEqual(forbidden)
    })

    test('templates are for users of the server that asks, in versions that it knows', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = await users(hs1, hs2)
      const roomId = await alice.createRoom({ preset: 'public_chat', room_version: '11' })
      const ask = async (kind: string, userId: string, ver: readonly string[]): Promise<JsonObject> =>
        await hs2.services.federationClient.get('hs1.test', federationPath`/v1/${kind}/${roomId}/${userId}`, {
          query: { ver },
        })
      expect(await ask('make_join', bob.userId, ['1', '11'])).toMatchObject({
        room_version: '11',
        event: { sender: bob.userId, state_key: bob.userId, content: { membership: 'join' } },
      })
      const incompatible = { errcode: 'M_INCOMPATIBLE_ROOM_VERSION', extra: { room_version: '11' } }
      await expect(ask('make_join', bob.userId, ['1', '10'])).rejects.toMatchObject(incompatible)
      await expect(ask('make_join', bob.userId, [])).rejects.toMatchObject(incompatible)
      await expect(ask('make_join', alice.userId, ['11'])).rejects.toMatchObject(forbidden)
      await expect(ask('make_leave', bob.userId, [])).rejects.toMatchObject(forbidden)
      await expect(ask('make_knock', bob.userId, ['11'])).rejects.toMatchObject(forbidden)
      await expect(ask('make_join', 'bob', ['11'])).rejects.toMatchObject({ remote: { status: 400 } })
    })
  })
})

async function users(hs1: FederatedServer, hs2: FederatedServer): Promise<[Client, Client]> {
  return await Promise.all([hs1.server.register('alice'), hs2.server.register('bob')])
}
