/** What a hostile server sends into rooms. The ids are those of the threat table in docs/security.md. */
import { describe, expect, test } from '@jest/globals'
import type { Json, JsonObject } from '../../homeserver/core/event.ts'
import { identify } from '../../homeserver/core/hash.ts'
import type { EventId, RoomId, UserId } from '../../homeserver/core/ids.ts'
import type { RoomVersionId } from '../../homeserver/core/room-version.ts'
import { hasOpenssl } from '../support/certificates.ts'
import type { Client } from '../support/client.ts'
import { type Dialect, forEachDatabase, freshDatabaseUrl } from '../support/databases.ts'
import type { FederatedServer } from '../support/federation.ts'
import { startBeside } from '../support/hostile-server.ts'
import type { TestServerOptions } from '../support/server.ts'

const describeTls = hasOpenssl ? describe : describe.skip
const at = (roomId: RoomId, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`

/** Alice of ours in a room of evil. */
async function inRoom(dialect: Dialect, version: RoomVersionId = '11', options: TestServerOptions = {}) {
  const world = await startBeside({ database: dialect, ...options })
  const { ours, evil } = world
  const alice = await ours.server.register('alice')
  const room = evil.room(version)
  await evil.letIn(room, alice)
  evil.requests.length = 0
  const pour = async (...pdus: readonly JsonObject[]) => {
    const answer = await evil.send(ours, { pdus })
    await settle(ours)
    return answer
  }
  return { ...world, alice, room, pour }
}

async function settle({ server }: FederatedServer): Promise<void> {
  await server.server.services.roomInbox.settle()
}

async function bodies(client: Client, roomId: RoomId): Promise<unknown[]> {
  const { chunk } = await client.get(at(roomId, 'messages?dir=b&limit=100'))
  return (chunk as JsonObject[]).flatMap(({ content }) => (content as JsonObject)['body'] ?? []).toReversed()
}

async function stored({ server }: FederatedServer, { eventId }: { readonly eventId: EventId }) {
  return await server.server.services.events.find(eventId)
}

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('T04: one of each malformation fails nothing but itself', async () => {
      const { federation, ours, evil, alice, room, pour } = await inRoom(dialect)
      await using _ = federation
      const good = room.say('good')
      const base = room.make({ type: 'm.room.message', sender: room.creator, content: { body: 'bad' } }).pdu
      const bad: Json[] = [
        null,
        7,
        'event',
        [],
        {},
        { ...base, type: 7 },
        { ...base, sender: 'nobody' },
        { ...base, sender: '@mallory:ours.test' },
        { ...base, room_id: '!other:evil.test' },
        { ...base, content: [] },
        { ...base, depth: -1 },
        { ...base, depth: 2 ** 60 },
        { ...base, depth: '7' },
        { ...base, prev_events: Array(21).fill(base.prev_events[0]) as Json[] },
        { ...base, auth_events: Array(11).fill(base.prev_events[0]) as Json[] },
        { ...base, prev_events: 'none' },
        { ...base, hashes: {} },
        { ...base, signatures: {} },
        { ...base, signatures: { 'evil.test': { 'ed25519:evil': 'c2lnbmVk' } } },
        { ...base, state_key: '\0' },
      ]
      const answer = await evil.send(ours, { pdus: [...bad, good.pdu] as Json[] })
      expect(answer.status).toBe(200)
      expect((answer.body['pdus'] as JsonObject)[good.eventId]).toEqual({})
      await settle(ours)
      expect(await bodies(alice, room.roomId)).toEqual(['good'])
      expect((await pour(room.say('and on').pdu)).status).toBe(200)
      expect(await bodies(alice, room.roomId)).toEqual(['good', 'and on'])
    })

    test.each(['1', '11'] as const)(
      'T03: a depth beyond what numbers hold is refused in version %s',
      async (version) => {
        const { federation, ours, alice, room, pour } = await inRoom(dialect, version)
        await using _ = federation
        const deep = room.make({
          type: 'm.room.message',
          sender: room.creator,
          also: { depth: Number.MAX_SAFE_INTEGER },
        })
        const text = { ...deep.pdu, depth: 2n ** 60n }
        expect(await pour(text as unknown as JsonObject)).toMatchObject({ status: 200 })
        expect(await stored(ours, deep)).toBeUndefined()
        await alice.send(room.roomId, 'goes on')
      },
    )

    test('T10, T11, T12: what is too large is refused before anybody is asked anything', async () => {
      const { federation, ours, evil, room } = await inRoom(dialect)
      await using _ = federation
      const message = room.make({ type: 'm.room.message', sender: room.creator, content: { body: '' } })
      const spare = 65_536 - Buffer.byteLength(message.json)
      const fits = room.make({ type: 'm.room.message', sender: room.creator, content: { body: 'x'.repeat(spare) } })
      expect(Buffer.byteLength(fits.json)).toBe(65_536)
      const tooLarge = { ...fits.pdu, content: { body: 'x'.repeat(spare + 1) } }
      const longType = { ...message.pdu, type: 'ü'.repeat(128) }
      const crowd = { ...message.pdu, prev_events: Array.from({ length: 21 }, (_, n) => `$unknown${n}`) }
      const { body } = await evil.send(ours, { pdus: [fits.pdu, tooLarge, longType, crowd] })
      await settle(ours)
      expect(body['pdus']).toEqual({ [fits.eventId]: {} })
      expect(await stored(ours, fits)).toMatchObject({ row: { status: 0 } })
      expect(evil.requests.filter(({ path }) => !path.includes('/send/'))).toEqual([])
    })

    test('T13: doubled, foreign and superfluous auth events get an event rejected', async () => {
      const { federation, ours, evil, room, pour } = await inRoom(dialect)
      await using _ = federation
      const message = room.make({ type: 'm.room.message', sender: room.creator })
      const [first] = message.pdu.auth_events as readonly EventId[]
      const other = evil.room()
      const [foreign] = other.stateOf()
      const rules = room.main.state.get('m.room.join_rules\0')
      const lists = [
        [...message.pdu.auth_events, first],
        [...message.pdu.auth_events, rules],
        message.pdu.auth_events.slice(1),
      ]
      const events = lists.map((list) =>
        room.make({ type: 'm.room.message', sender: room.creator, also: { auth_events: list as never } }),
      )
      const cites = room.make({
        type: 'm.room.message',
        sender: room.creator,
        also: { auth_events: [foreign?.eventId, ...message.pdu.auth_events.slice(1)] as never },
      })
      evil.tell(other)
      await pour(...[...events, cites].map(({ pdu }) => pdu))
      for (const event of events)
        expect(await stored(ours, event)).toMatchObject({ row: { status: 2, stream_id: null } })
      expect(await stored(ours, cites)).toBeUndefined()
    })

    test('T14: in version 12 nobody cites the create event', async () => {
      const { federation, ours, room, pour } = await inRoom(dialect, '12')
      await using _ = federation
      const message = room.make({ type: 'm.room.message', sender: room.creator })
      const cites = room.make({
        type: 'm.room.message',
        sender: room.creator,
        also: { auth_events: [`$${room.roomId.slice(1)}`, ...message.pdu.auth_events] as never },
      })
      expect((await pour(cites.pdu)).body['pdus']).toMatchObject({ [cites.eventId]: { error: expect.any(String) } })
      expect(await stored(ours, cites)).toBeUndefined()
    })

    test('T15, T16: what nobody has signed is not shown', async () => {
      const { federation, ours, alice, room, pour } = await inRoom(dialect)
      await using _ = federation
      const [first, second] = [room.say('first'), room.say('second')]
      const unsigned = {
        redacted_because: { type: 'x' },
        prev_content: { a: 1 },
        age: 1,
        age_ts: 5,
        transaction_id: 'x',
      }
      const tampered = { ...second.pdu, content: { ...second.pdu.content, body: 'tampered' } }
      await pour({ ...first.pdu, unsigned }, tampered)
      const event = await alice.get(at(room.roomId, `event/${first.eventId}`))
      expect(Object.keys(event['unsigned'] as object).toSorted()).toEqual(['age', 'membership'])
      expect(event['unsigned']).not.toMatchObject({ age: 1 })
      expect((await alice.get(at(room.roomId, `event/${second.eventId}`)))['content']).toEqual({})
      expect((await stored(ours, second))?.row.json).not.toContain('tampered')
    })

    test('T20: a crowd of rejected events does not end the history', async () => {
      const { federation, alice, room, pour } = await inRoom(dialect)
      await using _ = federation
      const first = room.say('first')
      await pour(first.pdu)
      const bad = Array.from({ length: 200 }, (_, n) =>
        room.make({ type: 'm.room.topic', sender: '@stranger:evil.test', stateKey: '', content: { topic: `${n}` } }),
      )
      for (let from = 0; from < bad.length; from += 50) await pour(...bad.slice(from, from + 50).map(({ pdu }) => pdu))
      await pour(room.say('last').pdu)
      expect(await bodies(alice, room.roomId)).toEqual(['first', 'last'])
      const page = await alice.get(at(room.roomId, 'messages?dir=b&limit=1'))
      const next = await alice.get(at(room.roomId, `messages?dir=b&limit=1&from=${String(page['end'])}`))
      expect(next['chunk']).toMatchObject([{ event_id: first.eventId }])
    })

    test('T31: events that come by side doors are verified as well', async () => {
      const { federation, ours, evil, alice, room, pour } = await inRoom(dialect)
      await using _ = federation
      const forged = { ...room.say('forged').pdu, signatures: {} }
      const after = room.say('after')
      evil.on(/get_missing_events/, () => ({ events: [forged] }))
      evil.on(/\/v1\/event\//, () => ({ pdus: [forged] }))
      evil.on(/\/v1\/backfill\//, () => ({ pdus: [forged] }))
      await pour(after.pdu)
      expect(await stored(ours, after)).toBeUndefined()
      expect(await bodies(alice, room.roomId)).toEqual([])
    })

    test.each(['10', '11'] as const)(
      'T16: an invitation without its true content needs the signature of who invites, in version %s',
      async (version) => {
        const { federation, ours, alice, room, pour } = await inRoom(dialect, version)
        await using _ = federation
        const draft = {
          type: 'm.room.member',
          sender: alice.userId as UserId,
          stateKey: '@mallory:evil.test',
          content: { membership: 'invite', third_party_invite: {} },
        }
        const { pdu } = room.make(draft)
        const forged = { ...pdu, hashes: { sha256: 'wrong' }, signatures: {} }
        const { eventId } = identify(forged, room.version)
        await pour(forged)
        expect(await stored(ours, { eventId })).toBeUndefined()
        const { joined } = await alice.get(at(room.roomId, 'joined_members'))
        expect(Object.keys(joined as object)).not.toContain('@mallory:evil.test')
        const found = await ours.server.server.services.members.find(room.roomId, '@mallory:evil.test')
        expect(found).toBeUndefined()
      },
    )

    test('T33: whoever keeps the parents of an event back does not get it in', async () => {
      const { federation, ours, evil, room, pour } = await inRoom(dialect)
      await using _ = federation
      const mine = room.fork()
      const levels = { users: { '@mallory:evil.test': 100, [room.creator]: 100 } }
      room.add({ type: 'm.room.power_levels', sender: room.creator, stateKey: '', content: levels }, mine)
      const after = room.say('after it', { on: mine })
      evil.tellState(room, mine)
      await pour(after.pdu)
      expect(await stored(ours, after)).toBeUndefined()
      expect(evil.asked(/get_missing_events/)).toBe(1)
      expect(evil.asked(/state_ids/)).toBe(0)
    })

    test.each([true, false])(
      'T33: who tells of a missing parent takes nothing back of the others that are known (told: %s)',
      async (tells) => {
        const { federation, evil, alice, room, pour } = await inRoom(dialect)
        await using _ = federation
        const past = room.fork()
        const ofMissing = room.fork()
        await pour(room.topic('known here').pdu)
        const missing = room.add(
          { type: 'm.room.name', sender: room.creator, stateKey: '', content: { name: 'A' } },
          ofMissing,
        )
        const both = { state: ofMissing.state, tips: [...room.main.tips, missing.eventId] }
        const between = room.make({ type: 'm.room.message', sender: room.creator, content: { body: 'between' } }, both)
        const last = room.say('last', { on: { state: both.state, tips: [between.eventId] } })
        evil.tell(room)
        evil.on(/get_missing_events/, () => ({ events: [between.pdu] }))
        const asked: (string | null)[] = []
        evil.on(/state_ids/, ({ query }) => {
          asked.push(query.get('event_id'))
          const { state } = query.get('event_id') === missing.eventId ? past : ofMissing
          const isTold = tells || query.get('event_id') !== missing.eventId
          return isTold ? { pdu_ids: [...state.values()], auth_chain_ids: [] } : undefined
        })
        await pour(last.pdu)
        expect(asked).toEqual(tells ? [missing.eventId] : [missing.eventId, between.eventId])
        expect(await bodies(alice, room.roomId)).toEqual(['between', 'last'])
        expect((await alice.get(at(room.roomId, 'state/m.room.name')))['name']).toBe('A')
        expect((await alice.get(at(room.roomId, 'state/m.room.topic')))['topic']).toBe('known here')
      },
    )

    test('T34: a room is created once', async () => {
      const { federation, ours, room, pour } = await inRoom(dialect)
      await using _ = federation
      const again = room.make({
        type: 'm.room.create',
        sender: '@mallory:evil.test',
        stateKey: '',
        content: { room_version: '11' },
        also: { prev_events: [] as never, auth_events: [] as never },
      })
      await pour(again.pdu)
      expect(await stored(ours, again)).toBeUndefined()
    })

    test.each(['1', '9'])('T29: a room that is here is joined in no other version, such as %s', async (claimed) => {
      const { federation, ours, evil, alice, room, pour } = await inRoom(dialect)
      await using _ = federation
      const bob = await ours.server.register('bob')
      const club = (await alice.createRoom({ preset: 'public_chat' })) as RoomId
      await bob.post(`/join/${encodeURIComponent(club)}`)
      const { creator: sender, roomId } = room
      const state = (type: string, content: JsonObject) => room.add({ type, sender, stateKey: '', content })
      const levels = state('m.room.power_levels', { users: { [sender]: 100 }, invite: 100 })
      const allow = [{ type: 'm.room_membership', room_id: club }]
      const rule = state('m.room.join_rules', { join_rule: 'restricted', allow })
      await pour(levels.pdu, rule.pdu)
      evil.on(/\/v1\/make_join\//, () => {
        const content = { membership: 'join', join_authorised_via_users_server: sender }
        const member = { type: 'm.room.member', room_id: roomId, sender: bob.userId, state_key: bob.userId, content }
        const prev_events = claimed === '1' ? [[rule.eventId, {}]] : [rule.eventId]
        return { room_version: claimed, event: { ...member, depth: 9, prev_events, auth_events: [] } }
      })
      expect((await bob.refusal('POST', `/join/${encodeURIComponent(roomId)}?via=evil.test`, {})).status).toBe(502)
      expect(evil.asked(/make_join/)).toBe(1)
      expect(evil.asked(/send_join/)).toBe(0)
    })

    test('T38: what is kept back from clients is told to servers, and so is what is behind it', async () => {
      const { federation, ours, evil, alice, room, pour } = await inRoom(dialect)
      await using _ = federation
      const mallory: UserId = '@mallory:evil.test'
      await pour(room.member(mallory, 'join').pdu)
      const fork = room.fork()
      const ban = room.member(mallory, 'ban', { sender: room.creator })
      const [behind, late] = [room.say('behind', { on: fork }), room.say('late', { sender: mallory, on: fork })]
      room.main.tips = [ban.eventId, late.eventId]
      const last = room.say('last')
      await pour(ban.pdu, behind.pdu, late.pdu, last.pdu)
      expect((await stored(ours, late))?.row.status).toBe(1)
      expect(await bodies(alice, room.roomId)).toEqual(['behind', 'last'])

      const ask = async (path: string, body?: JsonObject): Promise<unknown[]> => {
        const answer = await evil.call(ours, body ? 'POST' : 'GET', `/_matrix/federation/v1/${path}`, body)
        const events = (answer.body['pdus'] ?? answer.body['events']) as JsonObject[]
        return events.flatMap(({ content }) => (content as JsonObject)['body'] ?? [])
      }
      const roomId = encodeURIComponent(room.roomId)
      for (const { eventId } of [last, late]) {
        const history = await ask(`backfill/${roomId}?limit=10&v=${encodeURIComponent(eventId)}`)
        expect(history).toEqual(expect.arrayContaining(['late', 'behind']))
      }
      const earliest = [ban.eventId]
      expect(
        await ask(`get_missing_events/${roomId}`, { earliest_events: earliest, latest_events: [last.eventId] }),
      ).toEqual(['behind', 'late'])
    })

    test('T46: a transaction has at most 50 PDUs and 100 EDUs', async () => {
      const { federation, ours, evil, room } = await inRoom(dialect)
      await using _ = federation
      const { pdu } = room.say('once')
      const refused = { status: 400, body: { errcode: 'M_INVALID_PARAM' } }
      expect(await evil.send(ours, { pdus: Array(51).fill(pdu) as Json[] })).toMatchObject(refused)
      expect(await evil.send(ours, { edus: Array(101).fill({}) as Json[] })).toMatchObject(refused)
      expect((await evil.send(ours, { edus: Array(100).fill({}) as Json[] })).status).toBe(200)
    })

    test('T49: a transaction is received once, however often it comes', async () => {
      const { federation, ours, evil, alice, room } = await inRoom(dialect)
      await using _ = federation
      const pdus = [room.say('once').pdu]
      const txnId = 'again'
      const answers = await Promise.all(Array.from({ length: 20 }, () => evil.send(ours, { pdus, txnId })))
      await settle(ours)
      const later = await evil.send(ours, { pdus: [room.say('not in it').pdu], txnId })
      expect(new Set([...answers, later].map((answer) => JSON.stringify(answer))).size).toBe(1)
      await settle(ours)
      expect(await bodies(alice, room.roomId)).toEqual(['once'])
    })

    test('T50: a chain without end comes to one', async () => {
      const { federation, ours, evil, room, pour } = await inRoom(dialect)
      await using _ = federation
      const fork = { ...room.fork(), tips: ['$nowhere' as EventId] }
      evil.on(/get_missing_events/, () => ({
        events: Array.from({ length: 30 }, (_, n) => room.say(`${n}`, { on: fork }).pdu),
      }))
      evil.on(/state_ids|\/v1\/event\//, () => undefined)
      const last = room.make({ type: 'm.room.message', sender: room.creator, also: { prev_events: ['$far'] as never } })
      await pour(last.pdu)
      expect(await stored(ours, last)).toBeUndefined()
      expect(evil.requests.length).toBeLessThan(60)
    })

    test('T51: a server that is shut out sends nothing into the room', async () => {
      const { federation, ours, evil, alice, room, pour } = await inRoom(dialect)
      await using _ = federation
      const shut = { allow: ['*'], deny: ['evil.test'] }
      await pour(room.add({ type: 'm.room.server_acl', sender: room.creator, stateKey: '', content: shut }).pdu)
      const late = room.say('late')
      expect((await evil.send(ours, { pdus: [late.pdu] })).body['pdus']).toMatchObject({
        [late.eventId]: { error: expect.any(String) },
      })
      await settle(ours)
      expect(await bodies(alice, room.roomId)).toEqual([])
    })

    test('what was answered for is received after a restart', async () => {
      const url = await freshDatabaseUrl(dialect)
      const config = `database: { url: '${url}' }`
      const { federation, ours, evil, alice, room } = await inRoom(dialect, '11', { config })
      await using _ = federation
      await ours.server.server.services.roomInbox.stop()
      const { eventId, pdu } = room.say('survives')
      expect((await evil.send(ours, { pdus: [pdu] })).body).toEqual({ pdus: { [eventId]: {} } })
      expect(await stored(ours, { eventId })).toBeUndefined()
      await ours.server.server.stop()
      const again = await federation.start('ours.test', { config })
      await settle(again)
      expect(await stored(again, { eventId })).toMatchObject({ row: { status: 0 } })
      expect(alice.userId).toBe('@alice:ours.test')
    })

    test('history from before is fetched, and not believed unseen', async () => {
      const { federation, ours, evil, alice, room } = await inRoom(dialect)
      await using _ = federation
      const user: UserId = alice.userId as UserId
      const forged = { ...room.make({ type: 'm.room.message', sender: user, content: { body: 'forged' } }).pdu }
      evil.on(/\/v1\/backfill\//, () => ({ pdus: [...[...room.events.values()].map(({ pdu }) => pdu), forged] }))
      const { chunk } = await alice.get(at(room.roomId, 'messages?dir=b&limit=20'))
      expect((chunk as JsonObject[]).map(({ type }) => type)).toEqual([
        'm.room.member',
        'm.room.join_rules',
        'm.room.power_levels',
        'm.room.member',
        'm.room.create',
      ])
      expect(evil.asked(/backfill/)).toBe(1)
      expect(await stored(ours, { eventId: '$none' })).toBeUndefined()
    })
  })
})
