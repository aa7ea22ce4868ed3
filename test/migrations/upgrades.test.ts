/** P19: a database of any schema that there ever was becomes the newest by itself, with all that was in it, and is good to go on with. */
import { beforeAll, expect, jest, test } from '@jest/globals'
import { signingKeyFromSeed } from '../../homeserver/core/signing.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { migrationNames } from '../../homeserver/storage/migrate.ts'
import { FuzzWorld } from '../conformance/fuzz-world.ts'
import { checkConsistency } from '../drills/consistency.ts'
import type { Client } from '../support/client.ts'
import { forEachDatabase, freshDatabaseUrl } from '../support/databases.ts'
import { startServer } from '../support/server.ts'
import { addAnyRow, type Contents, makeOld, only, readAll } from './old-database.ts'

jest.setTimeout(120_000)

/** Other servers know events by the key that signed them. */
const signingKeys = [signingKeyFromSeed('test', Buffer.alloc(32, 7))] as const
const names = await migrationNames()
const inRoom = (roomId: string): string => `/rooms/${encodeURIComponent(roomId)}`
const schemas = names.map((name, index) => ({ name, schema: index + 1 }))

/** Tables of what needs people's devices, Telegram or other servers: rows of their form do for a migration. */
const alsoFilled = [
  'passkeys',
  'totp_secrets',
  'external_ids',
  'user_threepids',
  'oauth_clients',
  'registration_tokens',
  'call_history',
  'federation_destinations',
  'server_keys',
  'telegram_bots',
  'telegram_users',
  'telegram_portals',
  'telegram_messages',
  'webhooks',
] as const

interface World {
  readonly contents: Contents
  readonly alice: Client
  readonly roomId: string
  /** What Alice said first in it. */
  readonly first: string
}

let world: World
beforeAll(async () => {
  world = await makeWorld()
})

forEachDatabase(({ freshUrl }) => {
  test.each(schemas)('from $name on', async ({ schema }) => {
    const { contents, alice, roomId, first } = world
    const url = await freshUrl()
    const old = await makeOld(url, schema, contents)
    await using server = await startServer({ config: `database: { url: '${url}' }`, parts: { signingKeys } })
    expect(server.server.schema).toMatchObject({ from: schema, to: names.length })

    const there = await readAt(url)
    for (const { name, columns } of old) {
      if (name === 'presence') continue // the server at work goes on with it
      const [before, after] = [contents.get(name), there.get(name)]
      expect({ name, rows: after && only(after, columns) }).toEqual({ name, rows: before && only(before, columns) })
    }

    const newcomer = await server.register('newcomer')
    const room = await newcomer.createRoom({ preset: 'public_chat' })
    await newcomer.send(room, 'hello')
    if (old.some(({ name }) => name === 'access_tokens')) {
      const back = Object.assign(server.client(), {
        userId: alice.userId,
        deviceId: alice.deviceId,
        token: alice.token,
      })
      expect(await back.send(roomId, 'hello')).toBe(first) // by the same transaction id as before
      const said = (await back.put(`${inRoom(roomId)}/send/m.room.message/again`, { body: 'here I am' }))['event_id']
      const timeline = (await back.sync())['rooms'].join[roomId].timeline.events as { event_id: string }[]
      expect(timeline.at(-1)?.event_id).toBe(said)
      await back.post(`/join/${encodeURIComponent(room)}`)
    }
    await server.server.stop()
    expect(await withDatabase(url, checkConsistency)).toEqual([])
  })
})

/** People, rooms of several versions, and something of most kinds that a server keeps. */
async function makeWorld(): Promise<World> {
  const url = await freshDatabaseUrl('sqlite')
  await using server = await startServer({ config: `database: { url: '${url}' }`, parts: { signingKeys } })
  const made = await FuzzWorld.make(server, 1)
  const [alice, bob] = [made.client('alice'), made.client('bob')]
  const roomId = made.resolve('{{room}}')
  const first = made.resolve('{{event}}')
  const ofAlice = `/user/${encodeURIComponent(alice.userId)}`
  await bob.post(`${inRoom(roomId)}/receipt/m.read/${first}`)
  await alice.put(`${inRoom(roomId)}/redact/${encodeURIComponent(await alice.send(roomId, 'a mistake'))}/redact1`, {})
  await alice.put(`${ofAlice}/account_data/org.example.mine`, { a: 1 })
  await alice.put(`${ofAlice}${inRoom(roomId)}/tags/m.favourite`, { order: 0.5 })
  await alice.put(`/profile/${encodeURIComponent(alice.userId)}/displayname`, { displayname: 'Alice 好' })
  await alice.put('/pushrules/global/content/cats', { actions: ['notify'], pattern: 'cat' })
  await bob.put('/sendToDevice/org.example.told/t1', { messages: { [alice.userId]: { '*': { secret: 1 } } } })
  await alice.post(`${inRoom(roomId)}/report/${first}`, { reason: 'odd' })
  await alice.post(`${ofAlice}/openid/request_token`, {})
  await alice.post('/pushers/set', {
    kind: 'http',
    app_id: 'org.example',
    app_display_name: 'Example',
    device_display_name: 'Phone',
    pushkey: 'key',
    lang: 'en',
    data: { url: 'https://push.example.org/_matrix/push/v1/notify' },
  })
  await server.server.stop()
  await withDatabase(url, async (database) => {
    for (const table of alsoFilled) await addAnyRow(database, table)
  })
  return { contents: await readAt(url), alice, roomId, first }
}

const readAt = (url: string): Promise<Contents> => withDatabase(url, readAll)

async function withDatabase<Result>(url: string, look: (database: Database) => Promise<Result>): Promise<Result> {
  const database = await Database.open({ url })
  try {
    return await look(database)
  } finally {
    await database.close()
  }
}
