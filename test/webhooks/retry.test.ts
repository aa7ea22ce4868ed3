import { expect, test } from '@jest/globals'
import { Homeserver } from '../../bridges/appservice/homeserver.ts'
import type { WebhookConfig } from '../../bridges/webhooks/config.ts'
import { Outgoing } from '../../bridges/webhooks/outgoing.ts'
import { addHook, findHook, setDisabled } from '../../bridges/webhooks/store/hooks.ts'
import { Door } from '../../homeserver/core/door.ts'
import type { WebhookPost } from '../../homeserver/core/webhooks.ts'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { createFetcher } from '../../homeserver/platform/fetch.ts'
import { Metrics } from '../../homeserver/platform/metrics.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { migrate } from '../../homeserver/storage/migrate.ts'
import { forEachDatabase } from '../support/databases.ts'
import { Receiver } from '../support/webhooks.ts'

const message = (body: string) => ({
  type: 'm.room.message',
  event_id: `$${body}`,
  room_id: '!r',
  sender: '@alice:hs.test',
  origin_server_ts: 1,
  content: { msgtype: 'm.text', body },
})

const configOf = (homeserverUrl: string): WebhookConfig => ({
  homeserverUrl,
  serverName: 'hs.test',
  publicUrl: 'http://hs.test',
  registration: {
    id: 'webhooks',
    url: '',
    as_token: 'a',
    hs_token: 'b',
    sender_localpart: 'webhooks',
    rate_limited: false,
    namespaces: { users: [], aliases: [], rooms: [] },
  },
  socket: '',
  key: Buffer.alloc(32),
})

forEachDatabase(({ freshUrl }) => {
  test('what is not taken comes again, before what came after it; after three days the address is told no more', async () => {
    await using stack = new AsyncDisposableStack()
    const [receiver, homeserver] = [stack.use(await Receiver.start()), stack.use(await Receiver.start())]
    const database = await Database.open({ url: await freshUrl() })
    stack.defer(() => database.close())
    await migrate(database)
    const fetch = createFetcher({ allow: ['127.0.0.0/8'] })
    stack.defer(() => fetch.close())
    const clock = new FakeClock()
    const config = configOf(new URL(homeserver.url).origin)
    const counted = new Metrics().counter('webhooks_total', 'webhooks', ['direction', 'result'])
    const parts = { config, database, clock, fetch, counted, door: new Door<WebhookPost, string>() }
    const outgoing = new Outgoing({ ...parts, homeserver: new Homeserver(config) })
    stack.defer(() => outgoing.stop())
    const base = { room_id: '!r', name: 'there', created_by: '@a:hs.test', created_at: 0, secret_hash: null }
    const hook = { ...base, hook_id: 'hook', url: receiver.url, types: null, pattern: null }
    await database.transaction('hook', (tx) => addHook(tx, hook))
    const say = (body: string) => outgoing.take(message(body))
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await clock.advance(1_000)
    }

    receiver.answers.push(500, 302)
    await say('one')
    await say('two')
    await say('one') // the homeserver tells it again
    await until(() => receiver.told.length === 4)
    expect(receiver.told.map(({ body }) => body['text'] as string)).toEqual(['one', 'one', 'one', 'two'])
    expect(receiver.told.map(({ headers }) => headers['webhook-id'])).toEqual(
      ['one', 'one', 'one', 'two'].map((body) => `hook.$${body}`),
    )
    receiver.answers.push(...Array.from({ length: 10_000 }, () => 503))
    await say('three')
    await until(() => homeserver.told.length === 1)
    expect(homeserver.told[0]?.body['body']).toMatch(
      /^The webhook there \(hook\) is told nothing any more: it answered 503/,
    )
    expect((await findHook(database, 'hook'))?.disabled_at).not.toBeNull()
    receiver.answers.length = 0
    const before = receiver.told.length
    await say('four')
    await database.transaction('resume', (tx) => setDisabled(tx, 'hook', null))
    await say('five')
    await until(() => receiver.told.length > before)
    expect(receiver.told.slice(before).map(({ body }) => body['text'] as string)).toEqual(['five'])
  })
})
