/** What a crash, a repeated transaction or a wrong token may do: nothing. */
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { loadConfig } from '../../homeserver/config/load.ts'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { forEachDatabase, freshDatabaseUrl } from '../support/databases.ts'
import { Place } from '../support/program.ts'
import { Bridged } from '../support/telegram.ts'
import { bridgeConfigOf } from '../../homeserver/telegram.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { migrate } from '../../homeserver/storage/migrate.ts'
import {
  addEvents,
  finishEvent,
  firstEvent,
  noteEventFailure,
  pruneEvents,
  reviveEvents,
} from '../../bridges/telegram/store/events.ts'
import { addHandshake, takeHandshake } from '../../bridges/telegram/store/portals.ts'
import { addUpdates, firstUpdate, nextUpdateOf, removeUpdate } from '../../bridges/telegram/store/updates.ts'

interface Answer {
  readonly status: number | undefined
  readonly body: unknown
}

/** Asks the bridge as the homeserver does. */
async function ask(socketPath: string, method: string, path: string, token: string, body?: unknown): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers: { authorization: `Bearer ${token}` } }, (response) => {
      text(response).then((json) => resolve({ status: response.statusCode, body: JSON.parse(json) }), reject)
    })
    asked.once('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

forEachDatabase(({ dialect }) => {
  test('cases 5, 42 and 43: transactions that come twice are told once; pings, queries and wrong tokens are answered', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const registration = parse(await readFile(join(server.dataDir, 'appservices/telegram.yaml'), 'utf8')) as {
      hs_token: string
    }
    const bridge = (method: string, path: string, body?: unknown, token = registration.hs_token) =>
      ask(join(server.dataDir, 'telegram.sock'), method, `/_matrix/app/v1${path}`, token, body)
    const event = (id: string) => ({
      type: 'm.room.message',
      event_id: `$${id}`,
      room_id: roomId,
      sender: alice.userId,
      origin_server_ts: Date.now(),
      content: { msgtype: 'm.text', body: id },
    })
    const known = telegram.said(group).length
    await bridge('PUT', '/transactions/a1', { events: [event('one')] })
    await bridge('PUT', '/transactions/a2', { events: [event('two'), event('one')] })
    await bridge('PUT', '/transactions/a1', { events: [event('one')] })
    const typing = [{ type: 'm.typing', room_id: roomId, content: { user_ids: [alice.userId] } }]
    const passing = { ephemeral: typing, 'de.sorunome.msc2409.ephemeral': typing, to_device: [] }
    expect(await bridge('PUT', '/transactions/e1', { events: [], ...passing })).toEqual({ status: 200, body: {} })
    await bridge('PUT', '/transactions/a3', { events: [event('three')], ...passing })
    await bridged.said(group, (message) => message.text === 'alice: three')
    expect(
      telegram
        .said(group)
        .slice(known)
        .map((message) => message.text),
    ).toEqual(['alice: one', 'alice: two', 'alice: three'])
    expect(await bridge('POST', '/ping', {})).toEqual({ status: 200, body: {} })
    expect((await bridge('GET', '/users/%40telegram_1%3Ahs.test')).status).toBe(404)
    expect((await bridge('GET', '/rooms/%23telegram_1%3Ahs.test')).status).toBe(404)
    expect((await bridge('PUT', '/transactions/a4', { events: [] }, 'wrong')).status).toBe(403)
  })

  test('cases 1 and 3: updates are kept with the place after them, and those of before are not taken again', async () => {
    await using database = await Database.open({ url: await freshDatabaseUrl(dialect) })
    await migrate(database)
    const bot = { id: '1', username: 'bot' }
    const update = (id: number) => ({ id, lane: 'chat', json: String(id) })
    const add = (...ids: number[]) => database.transaction('add', (tx) => addUpdates(tx, bot, ids.map(update), 0))
    await add(5, 6)
    await add(6, 7)
    expect(await nextUpdateOf(database, '1')).toBe(8)
    const taken: string[] = []
    for (let next = await firstUpdate(database, 'chat'); next; next = await firstUpdate(database, 'chat')) {
      const current = next
      taken.push(current.json)
      await database.transaction('remove', (tx) => removeUpdate(tx, current))
      await add(5, 6, 7)
    }
    expect(taken).toEqual(['5', '6', '7'])
  })

  test('case 6: events wait in their order, also over a restart, and are not taken again when they are through', async () => {
    await using database = await Database.open({ url: await freshDatabaseUrl(dialect) })
    await migrate(database)
    const event = (id: string) => ({ eventId: id, roomId: '!r', json: id })
    const add = (...ids: string[]) => database.transaction('add', (tx) => addEvents(tx, ids.map(event), 0))
    expect(await add('$b', '$a')).toEqual(new Set(['!r']))
    expect((await firstEvent(database, '!r'))?.event_id).toBe('$b')
    await database.transaction('finish', (tx) => finishEvent(tx, '$b'))
    expect(await add('$b', '$a')).toEqual(new Set())
    expect((await firstEvent(database, '!r'))?.event_id).toBe('$a')
  })

  test('what was given up is kept for a month, what came through for a week', async () => {
    await using database = await Database.open({ url: await freshDatabaseUrl(dialect) })
    await migrate(database)
    const now = 100
    await database.transaction('add', async (tx) => {
      await addEvents(tx, [{ eventId: '$dead', roomId: '!r', json: '{}' }], now)
      await addEvents(tx, [{ eventId: '$done', roomId: '!r', json: '{}' }], now)
      await noteEventFailure(tx, '$dead', { error: 'x', isCounted: true, isDead: true })
      await finishEvent(tx, '$done')
    })
    const prune = (at: { done: number; dead: number }) => database.transaction('prune', (tx) => pruneEvents(tx, at))
    await prune({ done: now + 1, dead: now })
    expect(await database.transaction('revive', (tx) => reviveEvents(tx, '!r', { now }))).toBe(1)
    expect(await database.rows('select event_id from telegram_events')).toEqual([{ event_id: '$dead' }])
    await database.transaction('again', (tx) =>
      noteEventFailure(tx, '$dead', { error: '', isCounted: true, isDead: true }),
    )
    await prune({ done: now + 1, dead: now + 1 })
    expect(await database.rows('select event_id from telegram_events')).toEqual([])
  })

  test('case 29: a code for bridging is good once, and for ten minutes', async () => {
    await using database = await Database.open({ url: await freshDatabaseUrl(dialect) })
    await migrate(database)
    const clock = new FakeClock()
    const handshake = { room_id: '!r', user_id: '@alice:hs.test', expires_at: clock.now() + 600_000 }
    const take = (code: string) =>
      database.transaction('take', (tx) => takeHandshake(tx, code, { now: clock.now(), madeIn: 'matrix' }))
    await database.transaction('add', (tx) => addHandshake(tx, 'CODE', handshake))
    expect(await take('WRONG')).toBeUndefined()
    expect(await take('CODE')).toEqual(handshake)
    expect(await take('CODE')).toBeUndefined()
    await database.transaction('add', (tx) => addHandshake(tx, 'CODE', handshake))
    await clock.advance(600_000)
    expect(await take('CODE')).toBeUndefined()
  })
})

test('case 42: the registration is made once, for this server alone, and follows a new address', async () => {
  await using place = await Place.make()
  const configured = (more: string) =>
    loadConfig({
      files: [
        {
          name: 'test',
          text: `server_name: hs.test\ndata_dir: ${place.path('data')}\ntelegram: { bot_token: '1:x'${more} }`,
        },
      ],
      env: {},
      readFile: () => '',
    })
  const first = await bridgeConfigOf(configured(''), 'http://127.0.0.1:8008')
  expect(first?.registration).toMatchObject({
    url: `unix://${place.path('data/telegram.sock')}`,
    sender_localpart: 'telegrambot',
  })
  expect(first?.registration.namespaces.users).toEqual([{ regex: '@telegram_.*:hs\\.test', exclusive: true }])
  const second = await bridgeConfigOf(configured(", listen: '127.0.0.1:29317'"), 'http://127.0.0.1:8008')
  expect(second?.registration).toEqual({ ...first?.registration, url: 'http://127.0.0.1:29317' })
})
