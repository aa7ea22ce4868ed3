import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { type Dialect, forEachDatabase } from '../../../test/support/databases.ts'
import { type FederatedServer, type Federation, startTwo } from '../../../test/support/federation.ts'
import type { JsonObject } from '../../core/event.ts'
import { federationPath } from '../../domain/federation/client.ts'

const describeTls = hasOpenssl ? describe : describe.skip

interface World {
  readonly federation: Federation
  readonly hs1: FederatedServer
  readonly alice: Client
  readonly bob: Client
  /** What hs2.test asks hs1.test. */
  readonly get: (path: string, query?: Record<string, string | number | readonly string[]>) => Promise<Answer>
  readonly missing: (roomId: string, body: JsonObject) => Promise<Answer>
}

type Answer = Record<string, any> // oxlint-disable-line typescript/no-explicit-any -- answers are looked into freely

async function twoServers(dialect: Dialect): Promise<World> {
  const { federation, hs1, hs2 } = await startTwo(dialect)
  const [alice, bob] = await Promise.all([hs1.server.register('alice'), hs2.server.register('bob')])
  const client = hs2.services.federationClient
  return {
    federation,
    hs1,
    alice,
    bob,
    get: (path, query = {}) => client.get('hs1.test', path, { query }),
    missing: (roomId, body) => client.post('hs1.test', federationPath`/v1/get_missing_events/${roomId}`, { body }),
  }
}

async function enter(bob: Client, roomId: string): Promise<void> {
  await bob.post(`/join/${encodeURIComponent(roomId)}?via=hs1.test`)
}

const refused = { remote: { status: 403 } }
const absent = { remote: { status: 404 } }

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('a server in a room is told its state, auth chains and history', async () => {
      const { federation, alice, bob, get, missing } = await twoServers(dialect)
      await using _ = federation
      const roomId = await alice.createRoom({ preset: 'public_chat', room_version: '11' })
      const sent: string[] = []
      for (let n = 0; n < 30; n++) sent.push(await alice.send(roomId, `message ${n}`))
      await enter(bob, roomId)
      const topic = await alice.setState(roomId, 'm.room.topic', { topic: 'first' })
      const second = await alice.setState(roomId, 'm.room.topic', { topic: 'second' })
      const types = (events: JsonObject[]) => new Set(events.map((event) => event['type']))

      const before = await get(federationPath`/v1/state/${roomId}`, { event_id: topic })
      expect(types(before['pdus'])).not.toContain('m.room.topic')
      const members = before['pdus'].filter((event: JsonObject) => event['type'] === 'm.room.member')
      expect(members.map((event: JsonObject) => event['state_key']).sort()).toEqual([alice.userId, bob.userId])
      expect(types(before['auth_chain'])).toEqual(
        new Set(['m.room.create', 'm.room.member', 'm.room.power_levels', 'm.room.join_rules']),
      )
      const ids = await get(federationPath`/v1/state_ids/${roomId}`, { event_id: second })
      expect(ids['pdu_ids']).toHaveLength(before['pdus'].length + 1)
      expect(ids['pdu_ids']).toContain(topic)
      expect(ids['auth_chain_ids']).toHaveLength(before['auth_chain'].length)
      const { auth_chain: chain } = await get(federationPath`/v1/event_auth/${roomId}/${topic}`)
      expect(types(chain)).toEqual(new Set(['m.room.create', 'm.room.member', 'm.room.power_levels']))

      const { pdus, origin } = await get(federationPath`/v1/event/${topic}`)
      expect([origin, pdus.length, pdus[0].content]).toEqual(['hs1.test', 1, { topic: 'first' }])
      const bodies = (events: Answer[]) => events.map(({ content }) => content.body)
      const backfill = federationPath`/v1/backfill/${roomId}`
      const filled = await get(backfill, { v: sent[9] ?? '', limit: 3 })
      expect(bodies(filled['pdus'])).toEqual(['message 9', 'message 8', 'message 7'])
      const several = await get(backfill, { v: [sent[3] ?? '', sent[9] ?? ''], limit: 8 })
      expect(several['pdus']).toHaveLength(8)
      const between = { latest_events: [sent[9] ?? ''], earliest_events: [sent[5] ?? ''] }
      const { events } = await missing(roomId, between)
      expect(bodies(events)).toEqual(['message 6', 'message 7', 'message 8'])
      const near = federationPath`/v1/timestamp_to_event/${roomId}`
      expect(await get(near, { ts: Date.now(), dir: 'b' })).toMatchObject({ event_id: second })
      await expect(get(near, { ts: Date.now() + 1e6, dir: 'f' })).rejects.toMatchObject(absent)
    })

    test('T50: no answer about history is longer than its limit', async () => {
      const { federation, alice, bob, get, missing } = await twoServers(dialect)
      await using _ = federation
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      for (let n = 0; n < 110; n++) await alice.send(roomId, `${n}`)
      await enter(bob, roomId)
      const last = await alice.send(roomId, 'last')
      const { pdus } = await get(federationPath`/v1/backfill/${roomId}`, { v: last, limit: 10_000 })
      expect(pdus).toHaveLength(100)
      const { events } = await missing(roomId, { latest_events: [last], earliest_events: [], limit: 10_000 })
      expect(events).toHaveLength(20)
    })

    test('T41: by way of a room that a server is in nothing is told of another one', async () => {
      const { federation, hs1, alice, bob, get, missing } = await twoServers(dialect)
      await using _ = federation
      const room = await alice.createRoom({ preset: 'public_chat' })
      const other = await alice.createRoom({ preset: 'private_chat' })
      const secret = await alice.send(other, 'secret')
      await enter(bob, room)
      const known = await alice.send(room, 'known')

      const questions = (roomId: string, eventId: string): (() => Promise<Answer>)[] => [
        () => get(federationPath`/v1/state/${roomId}`, { event_id: eventId }),
        () => get(federationPath`/v1/state_ids/${roomId}`, { event_id: eventId }),
        () => get(federationPath`/v1/event_auth/${roomId}/${eventId}`),
      ]
      const lists = (roomId: string, eventId: string): (() => Promise<Answer>)[] => [
        () => get(federationPath`/v1/backfill/${roomId}`, { v: eventId, limit: 10 }),
        () => missing(roomId, { latest_events: [eventId], earliest_events: [] }),
      ]
      for (const ask of questions(room, secret)) await expect(ask()).rejects.toMatchObject(absent)
      for (const ask of lists(room, secret)) {
        const { pdus, events } = await ask()
        expect(pdus ?? events).toEqual([])
      }
      const elsewhere = [...questions(other, secret), ...lists(other, secret), ...questions(other, known)]
      for (const ask of elsewhere) await expect(ask()).rejects.toMatchObject(refused)
      await expect(get(federationPath`/v1/event/${secret}`)).rejects.toMatchObject(refused)
      const inTime = () => get(federationPath`/v1/timestamp_to_event/${other}`, { ts: 0, dir: 'f' })
      await expect(inTime()).rejects.toMatchObject(refused)
      for (const ask of questions('!none:hs1.test', known)) await expect(ask()).rejects.toMatchObject(absent)

      // T51: whoever is shut out is told nothing, although his users were in the room.
      expect(await get(federationPath`/v1/event/${known}`)).toMatchObject({ pdus: [{}] })
      await alice.setState(room, 'm.room.server_acl', { allow: ['*'], deny: ['hs2.test'] })
      expect(await hs1.services.serverAcls.mayTalk(room as `!${string}`, 'hs2.test')).toBe(false)
      for (const ask of [...questions(room, known), ...lists(room, known)]) {
        await expect(ask()).rejects.toMatchObject(refused)
      }
      await expect(get(federationPath`/v1/event/${known}`)).rejects.toMatchObject(refused)
    })

    test('T40: what the users of a server could not see, it gets redacted', async () => {
      const { federation, alice, bob, get, missing } = await twoServers(dialect)
      await using _ = federation
      const rule = (history_visibility: string) => ({
        type: 'm.room.history_visibility',
        state_key: '',
        content: { history_visibility },
      })
      const roomId = await alice.createRoom({ preset: 'public_chat', initial_state: [rule('joined')] })
      const hidden = await alice.send(roomId, 'hidden')
      await alice.setState(roomId, 'm.room.history_visibility', { history_visibility: 'shared' })
      const shared = await alice.send(roomId, 'shared')
      await alice.setState(roomId, 'm.room.history_visibility', { history_visibility: 'joined' })
      await enter(bob, roomId)
      const seen = await alice.send(roomId, 'seen')

      for (const [eventId, content] of [
        [hidden, {}],
        [shared, { body: 'shared', msgtype: 'm.text' }],
        [seen, { body: 'seen', msgtype: 'm.text' }],
      ] as const) {
        expect((await get(federationPath`/v1/event/${eventId}`))['pdus'][0].content).toEqual(content)
      }
      const { pdus } = await get(federationPath`/v1/backfill/${roomId}`, { v: seen, limit: 100 })
      const { events } = await missing(roomId, { latest_events: [seen], earliest_events: [], limit: 20 })
      for (const list of [pdus, events]) expect(JSON.stringify(list)).not.toContain('hidden')
      const first = await get(federationPath`/v1/timestamp_to_event/${roomId}`, { ts: 0, dir: 'f' })
      expect(first['event_id']).not.toBe(hidden)
    })
  })
})
