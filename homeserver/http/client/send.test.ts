import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const at = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`
const hello = { msgtype: 'm.text', body: 'hello' }

function reaction(target: string, key = '👍'): object {
  return { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key } }
}

async function reply(client: Client, roomId: string, type: string, content: unknown): Promise<object> {
  return await client.refusal('PUT', at(roomId, `send/${type}/${Math.random()}`), content)
}

forEachDatabase(({ dialect }) => {
  test('a message asked for several times under one transaction id is one message', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [one, two] = [await alice.createRoom(), await alice.createRoom()]
    const send = async (roomId: string, content: object): Promise<unknown> =>
      (await alice.put(at(roomId, 'send/m.room.message/abc'), content))['event_id']
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => send(one, hello)))
    expect(others).toEqual([first, first])
    expect(await send(one, { body: 'something else' })).toBe(first)
    expect(await send(two, hello)).not.toBe(first)
    const tablet = await server.client().login('alice', 'password of alice')
    const other = await tablet.put(at(one, 'send/m.room.message/abc'), hello)
    expect(other['event_id']).not.toBe(first)
  })

  test('event types with a slash are one part of the path', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const { event_id: eventId } = await alice.put(at(roomId, 'send/org.example%2Ftype/1'), {})
    const { event_id: stateId } = await alice.put(at(roomId, 'state/org.example%2Ftype/a%2Fb'), { n: 1 })
    expect(eventId).not.toBe(stateId)
    expect(await alice.get(at(roomId, 'state/org.example%2Ftype/a%2Fb'))).toEqual({ n: 1 })
  })

  test('who is not in the room cannot send', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom()
    expect(await reply(bob, roomId, 'm.room.message', hello)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(await reply(bob, '!nowhere:hs.test', 'm.room.message', hello)).toEqual({
      status: 404,
      errcode: 'M_NOT_FOUND',
    })
  })

  test('what is no content of an event is refused precisely', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    for (const [what, content, status, errcode] of [
      ['a list', [], 400, 'M_BAD_JSON'],
      ['no JSON', '{', 400, 'M_NOT_JSON'],
      ['a fraction', { n: 1.5 }, 400, 'M_BAD_JSON'],
      ['an exponent', '{"n":1e3}', 400, 'M_BAD_JSON'],
      ['an integer beyond 2^53', '{"n":9007199254740993}', 400, 'M_BAD_JSON'],
      ['half a surrogate pair', '{"body":"\\ud800"}', 400, 'M_BAD_JSON'],
      ['over 65,536 bytes', { body: 'x'.repeat(65_536) }, 413, 'M_TOO_LARGE'],
    ] as const) {
      expect([what, await reply(alice, roomId, 'm.room.message', content)]).toEqual([what, { status, errcode }])
    }
  })

  test('a reaction can be made once, and again after it was redacted', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(at(roomId, 'join'))
    const target = await alice.send(roomId, 'hello')
    const own = await alice.send(roomId, reaction(target), 'm.reaction')
    const duplicate = { status: 400, errcode: 'M_DUPLICATE_ANNOTATION' }
    expect(await reply(alice, roomId, 'm.reaction', reaction(target))).toEqual(duplicate)
    await alice.send(roomId, reaction(target, '❤️'), 'm.reaction')
    await bob.send(roomId, reaction(target), 'm.reaction')
    await alice.put(at(roomId, `redact/${own}/r1`), {})
    await alice.send(roomId, reaction(target), 'm.reaction')
  })

  test('an event relates to a known event of its room, and no thread starts from a relation', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [one, two] = [await alice.createRoom(), await alice.createRoom()]
    const target = await alice.send(one, 'hello')
    const unknown = { status: 400, errcode: 'M_UNKNOWN' }
    expect(await reply(alice, two, 'm.reaction', reaction(target))).toEqual(unknown)
    expect(await reply(alice, one, 'm.reaction', reaction('$nothing'))).toEqual(unknown)
    const thread = (root: string): object => ({ ...hello, 'm.relates_to': { rel_type: 'm.thread', event_id: root } })
    const inThread = await alice.send(one, thread(target))
    expect(await reply(alice, one, 'm.room.message', thread(inThread))).toEqual(unknown)
  })

  test.each(['1', '10', '12'])(
    'in version %s own messages can be redacted, and those of others with power',
    async (version) => {
      await using server = await startServer({ database: dialect })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const roomId = await alice.createRoom({ preset: 'public_chat', room_version: version })
      await bob.post(at(roomId, 'join'))
      const [hers, his, another] = [
        await alice.send(roomId, 'hers'),
        await bob.send(roomId, 'his'),
        await bob.send(roomId, 'x'),
      ]
      const redact = (event: string, txn: string): string => at(roomId, `redact/${encodeURIComponent(event)}/${txn}`)
      expect(await bob.refusal('PUT', redact(hers, '1'), {})).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
      const { event_id: redaction } = await bob.put(redact(his, '2'), { reason: 'typo' })
      expect((await bob.put(redact(his, '2'), { reason: 'typo' }))['event_id']).toBe(redaction)
      await alice.send(roomId, { redacts: another }, 'm.room.redaction')
      const known = await server.server.services.events.list([hers, his, another] as `$${string}`[])
      expect(Object.fromEntries([...known].map(([id, event]) => [id, event.pdu.content]))).toEqual({
        [hers]: { msgtype: 'm.text', body: 'hers' },
        [his]: {},
        [another]: {},
      })
    },
  )

  test('what makes the room what it is cannot be redacted, nor what is elsewhere', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [one, two] = [await alice.createRoom(), await alice.createRoom()]
    const elsewhere = await alice.send(two, 'hello')
    const state = (await alice.get(at(one, 'state'))) as unknown as { type: string; event_id: string }[]
    const create = state.find(({ type }) => type === 'm.room.create')?.event_id ?? ''
    expect(await alice.refusal('PUT', at(one, `redact/${create}/1`), {})).toEqual({
      status: 403,
      errcode: 'M_FORBIDDEN',
    })
    expect(await alice.refusal('PUT', at(one, `redact/${elsewhere}/2`), {})).toEqual({
      status: 404,
      errcode: 'M_NOT_FOUND',
    })
  })

  test('an application service may give its events a time of their own', async () => {
    await using server = await startServer({ database: dialect })
    const { eventSender, events, roomCreator, roomState } = server.server.services
    const alice = await server.register('alice')
    const who = {
      userId: alice.userId as `@${string}:test`,
      deviceId: undefined,
      sessionId: 'bridge',
      isGuest: false,
      isAdmin: false,
      isSuspended: false,
      appserviceId: 'bridge',
      timestamp: 1_000,
    }
    const roomId = await roomCreator.create(who, {})
    const ids = [
      await eventSender.send(who, { roomId, type: 'm.room.message', content: hello, transactionId: '1' }),
      await roomState.set(who, { roomId, type: 'm.room.name', stateKey: '', content: { name: 'Old' } }),
    ]
    const times = [...(await events.list(ids)).values()].map(({ row }) => row.origin_server_ts)
    expect(times).toEqual([1_000, 1_000])
  })

  test('a suspended user redacts nothing but what is theirs', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = (await alice.createRoom({ preset: 'public_chat' })) as `!${string}`
    await bob.post(at(roomId, 'join'))
    const [hers, his] = [await alice.send(roomId, 'hers'), await bob.send(roomId, 'his')] as `$${string}`[]
    const who = {
      userId: alice.userId as `@${string}:test`,
      deviceId: alice.deviceId,
      sessionId: alice.deviceId,
      isGuest: false,
      isAdmin: false,
      isSuspended: true,
      appserviceId: undefined,
    }
    const redact = (redacts: `$${string}` | undefined): Promise<string> =>
      server.server.services.eventSender.send(who, {
        roomId,
        type: 'm.room.redaction',
        content: {},
        transactionId: `redact ${redacts}`,
        ...(redacts === undefined ? {} : { redacts }),
      })
    await expect(redact(his)).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' })
    expect(await redact(hers)).toMatch(/^\$/)
  })
})
