import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startTwo } from '../../../test/support/federation.ts'
import { federationPath } from '../../domain/federation/client.ts'

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('users find the aliases and published rooms of another server', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const alice = await hs1.server.register('alice')
      const bob = await hs2.server.register('bob')
      const named = { room_alias_name: 'hall', visibility: 'public', preset: 'public_chat', name: 'The hall' }
      const hall = await alice.createRoom(named)
      await alice.createRoom({ visibility: 'public', preset: 'public_chat', name: 'The cellar' })
      await alice.createRoom({ preset: 'private_chat', name: 'The attic' })

      expect(await bob.get('/directory/room/%23hall%3Ahs1.test')).toEqual({ room_id: hall, servers: ['hs1.test'] })
      const nothing = { status: 404, errcode: 'M_NOT_FOUND' }
      expect(await bob.refusal('GET', '/directory/room/%23none%3Ahs1.test')).toEqual(nothing)
      expect(await bob.refusal('GET', '/directory/room/%23hall%3Adown.test')).toEqual({
        status: 502,
        errcode: 'M_UNKNOWN',
      })

      const names = ({ chunk }: { chunk?: { name: string }[] }) => (chunk ?? []).map((room) => room.name).sort()
      const all = await bob.get('/publicRooms?server=hs1.test')
      expect(names(all)).toEqual(['The cellar', 'The hall'])
      expect(all).toMatchObject({ total_room_count_estimate: 2 })
      const first = await bob.get('/publicRooms?server=hs1.test&limit=1')
      const second = await bob.get(`/publicRooms?server=hs1.test&limit=1&since=${first['next_batch']}`)
      expect(new Set([...names(first), ...names(second)])).toEqual(new Set(['The cellar', 'The hall']))
      const filter = { generic_search_term: 'hall' }
      expect(names(await bob.post('/publicRooms?server=hs1.test', { filter }))).toEqual(['The hall'])
      expect(await bob.refusal('GET', '/publicRooms?server=no%2Fserver')).toEqual({
        status: 400,
        errcode: 'M_INVALID_PARAM',
      })
    })

    test('a space leads to rooms that only another server knows', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const alice = await hs1.server.register('alice')
      const bob = await hs2.server.register('bob')
      const space = { creation_content: { type: 'm.space' }, preset: 'public_chat' }
      const inner = await alice.createRoom({ ...space, name: 'inner' })
      const leaf = await alice.createRoom({ preset: 'public_chat', name: 'leaf', topic: 'green' })
      const secret = await alice.createRoom({ preset: 'private_chat', name: 'secret' })
      for (const child of [leaf, secret]) await alice.setState(inner, 'm.space.child', { via: ['hs1.test'] }, child)
      const outer = await bob.createRoom({ ...space, name: 'outer' })
      await bob.setState(outer, 'm.space.child', { via: ['hs1.test'] }, inner)

      const path = (roomId: string) => `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/hierarchy`
      const { rooms } = await bob.get(path(outer))
      expect(rooms.map((room: { name: string }) => room.name)).toEqual(['outer', 'inner', 'leaf'])
      expect(rooms[1].children_state.map((event: { state_key: string }) => event.state_key).toSorted()).toEqual(
        [leaf, secret].toSorted(),
      )
      const first = await bob.get(`${path(outer)}?limit=2`)
      const rest = await bob.get(`${path(outer)}?limit=2&from=${first['next_batch']}`)
      expect([first['rooms'].length, rest['rooms'].length]).toEqual([2, 1])

      const summary = `/_matrix/client/v1/room_summary/${encodeURIComponent(leaf)}`
      expect(await bob.get(`${summary}?via=hs1.test`)).toMatchObject({
        room_id: leaf,
        name: 'leaf',
        topic: 'green',
        join_rule: 'public',
        num_joined_members: 1,
        membership: 'leave',
      })
      const hidden = `/_matrix/client/v1/room_summary/${encodeURIComponent(secret)}?via=hs1.test`
      expect(await bob.refusal('GET', hidden)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })

      await alice.setState(leaf, 'm.room.server_acl', { allow: ['*'], deny: ['hs2.test'] })
      const shutOut = hs2.services.federationClient.get('hs1.test', federationPath`/v1/hierarchy/${leaf}`)
      await expect(shutOut).rejects.toMatchObject({ status: 404, errcode: 'M_NOT_FOUND' })
    })
  })
})
