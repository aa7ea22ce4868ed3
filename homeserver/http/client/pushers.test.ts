import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { maxPushers } from '../../domain/limits.ts'

const pusher = {
  kind: 'http',
  app_id: 'org.example.app',
  pushkey: 'a key',
  app_display_name: 'App',
  device_display_name: 'Telephone',
  lang: 'en',
  data: { url: 'https://push.example/_matrix/push/v1/notify', format: 'event_id_only', custom: [1] },
}

async function pushersOf(client: Client): Promise<Record<string, unknown>[]> {
  return (await client.get('/pushers'))['pushers'] as Record<string, unknown>[]
}

const keysOf = async (client: Client): Promise<unknown[]> => (await pushersOf(client)).map((one) => one['pushkey'])

const refused: readonly (readonly [string, object, string])[] = [
  ['no names', { app_display_name: undefined, lang: undefined }, 'M_MISSING_PARAM'],
  ['no data', { data: undefined }, 'M_MISSING_PARAM'],
  ['no pushkey', { pushkey: undefined }, 'M_MISSING_PARAM'],
  ['no url', { data: {} }, 'M_INVALID_PARAM'],
  ['no real url', { data: { url: 'push.example' } }, 'M_INVALID_PARAM'],
  ['a url of another protocol', { data: { url: 'ftp://push.example/_matrix/push/v1/notify' } }, 'M_INVALID_PARAM'],
  ['another path', { data: { url: 'https://push.example/_matrix/push/v1/notify/' } }, 'M_INVALID_PARAM'],
  ['a password', { data: { url: 'https://a:b@push.example/_matrix/push/v1/notify' } }, 'M_INVALID_PARAM'],
  ['a long app id', { app_id: 'a'.repeat(65) }, 'M_INVALID_PARAM'],
  ['a long pushkey', { pushkey: 'ä'.repeat(257) }, 'M_INVALID_PARAM'],
  ['an empty pushkey', { pushkey: '' }, 'M_INVALID_PARAM'],
  ['a long name', { app_display_name: 'a'.repeat(1_001) }, 'M_INVALID_PARAM'],
  ['U+0000', { app_display_name: '\0' }, 'M_INVALID_PARAM'],
  ['much data', { data: { ...pusher.data, more: 'x'.repeat(17_000) } }, 'M_INVALID_PARAM'],
  ['e-mail', { kind: 'email' }, 'M_INVALID_PARAM'],
  ['an unknown kind', { kind: 'pigeon' }, 'M_INVALID_PARAM'],
]

forEachDatabase(({ dialect }) => {
  test('a user sets, changes and removes a pusher', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    await alice.post('/pushers/set', { ...pusher, profile_tag: 'tag' })
    expect(await pushersOf(alice)).toEqual([
      {
        ...pusher,
        profile_tag: 'tag',
        enabled: true,
        device_id: alice.deviceId,
        'org.matrix.msc3881.enabled': true,
        'org.matrix.msc3881.device_id': alice.deviceId,
      },
    ])
    await alice.post('/pushers/set', { ...pusher, lang: 'de' })
    const [changed] = await pushersOf(alice)
    expect(changed).toMatchObject({ lang: 'de' })
    expect(changed).not.toHaveProperty('profile_tag')
    await alice.post('/pushers/set', { kind: null, app_id: pusher.app_id, pushkey: 'another key' })
    expect(await keysOf(alice)).toEqual(['a key'])
    await alice.post('/pushers/set', { kind: null, app_id: pusher.app_id, pushkey: 'a key' })
    expect(await keysOf(alice)).toEqual([])
  })

  test('what cannot be a pusher is refused precisely', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    for (const [what, changes, errcode] of refused) {
      const answer = await alice.refusal('POST', '/pushers/set', { ...pusher, ...changes })
      expect({ what, ...answer }).toEqual({ what, status: 400, errcode })
    }
    expect(await keysOf(alice)).toEqual([])
  })

  test('T70: nobody has pushers without end', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    for (let n = 0; n < maxPushers; n++) await alice.post('/pushers/set', { ...pusher, pushkey: `${n}` })
    const refused = await alice.refusal('POST', '/pushers/set', { ...pusher, pushkey: 'one more' })
    expect(refused).toEqual({ status: 413, errcode: 'M_TOO_LARGE' })
    await alice.post('/pushers/set', { ...pusher, pushkey: '7', lang: 'fr' })
    expect(await keysOf(alice)).toHaveLength(maxPushers)
  })

  test('a pushkey has one user, unless more are asked for', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await alice.post('/pushers/set', pusher)
    await alice.post('/pushers/set', { ...pusher, app_id: 'another' })
    await bob.post('/pushers/set', { ...pusher, append: true })
    expect([await keysOf(alice), await keysOf(bob)]).toEqual([['a key', 'a key'], ['a key']])
    await bob.post('/pushers/set', pusher)
    expect((await pushersOf(alice)).map((one) => one['app_id'])).toEqual(['another'])
    expect(await keysOf(bob)).toEqual(['a key'])
  })

  test('a pusher can be switched off from another session, and stays with its own (MSC3881)', async () => {
    await using server = await startServer({ database: dialect })
    const phone = await server.register('alice')
    const desk = await server.client().login('alice', 'password of alice')
    await phone.post('/pushers/set', pusher)
    await desk.post('/pushers/set', { ...pusher, 'org.matrix.msc3881.enabled': false })
    expect((await pushersOf(desk))[0]).toMatchObject({ enabled: false, device_id: phone.deviceId })
    await desk.post('/pushers/set', { ...pusher, enabled: true })
    expect((await pushersOf(desk))[0]).toMatchObject({ enabled: true, device_id: phone.deviceId })
    await desk.post('/pushers/set', pusher)
    expect((await pushersOf(desk))[0]).toMatchObject({ enabled: true, device_id: desk.deviceId })
  })

  test('pushers end with their sessions', async () => {
    await using server = await startServer({ database: dialect })
    const password = 'password of alice'
    const alice = await server.register('alice')
    const session = async (pushkey: string): Promise<Client> => {
      const client = await server.client().login('alice', password)
      await client.post('/pushers/set', { ...pusher, pushkey })
      return client
    }
    const [first, second] = [await session('first'), await session('second')]
    await session('third')
    await alice.post('/pushers/set', { ...pusher, pushkey: 'own' })
    await first.post('/logout')
    expect(await keysOf(alice)).toEqual(['second', 'third', 'own'])

    const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'alice' }, password }
    const { session: uia } = (await alice.request('DELETE', `/devices/${second.deviceId}`, {})).body
    await alice.ok('DELETE', `/devices/${second.deviceId}`, { auth: { ...auth, session: uia as string } })
    expect(await keysOf(alice)).toEqual(['third', 'own'])

    await alice.post('/account/password', { new_password: 'another password', auth })
    expect(await keysOf(alice)).toEqual(['own'])

    await alice.post('/account/deactivate', { auth: { ...auth, password: 'another password' } })
    expect(await server.server.services.pushers.list('@alice:hs.test')).toEqual([])
  })
})
