import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { Appservices } from './appservices.ts'

const registration = (id: string, token: string) => `
id: ${id}
url: null
as_token: ${token}
hs_token: from server
sender_localpart: ${id}bot
namespaces:
  users: [{ regex: '@_${id}_.*', exclusive: true }]
  aliases: []
  rooms: []
`

test('T85: registrations that are no registrations, that contradict each other or have one token for both ways, are named', () => {
  const load = (...texts: string[]) => {
    const files = texts.map((text, index) => ({ path: `${index}.yaml`, text }))
    return () => new Appservices({ files, serverName: 'hs.test' })
  }
  expect(load('id: irc')).toThrow(/^0\.yaml is not a registration/)
  expect(load(registration('irc', 'a').replace('@_irc_.*', '('))).toThrow(/^0\.yaml/)
  expect(load(registration('irc', 'from server'))).toThrow(/^0\.yaml.*must differ/)
  expect(load(registration('irc', 'a').replace('url: null', 'url: irc.example'))).toThrow(/^0\.yaml/)
  expect(load(registration('irc', 'a'), registration('irc', 'b'))).toThrow(/same id/)
  expect(load(registration('irc', 'a'), registration('xmpp', 'a'))).toThrow(/same as_token/)
})

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'domovoi-appservices-'))
  await writeFile(join(directory, 'irc.yaml'), registration('irc', 'token-of-irc'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

forEachDatabase(({ dialect: database }) => {
  const start = () => startServer({ database, config: `appservices: ['${join(directory, 'irc.yaml')}']` })
  const bridge = (server: TestServer): Client => {
    const client = server.client()
    client.token = 'token-of-irc'
    return client
  }
  const type = 'm.login.application_service'

  test('an application service speaks as its own user and as those it registers', async () => {
    await using server = await start()
    const irc = bridge(server)
    expect(await irc.get('/account/whoami')).toEqual({ user_id: '@ircbot:hs.test', is_guest: false })
    const ghost = '@_irc_alice:hs.test'
    expect(await irc.refusal('GET', `/account/whoami?user_id=${ghost}`)).toEqual({
      status: 403,
      errcode: 'M_FORBIDDEN',
    })
    // SDKs name in each request whom it is for.
    const { device_id: deviceId } = await irc.post(`/register?user_id=${ghost}`, { type, username: '_irc_alice' })
    expect(await irc.get(`/account/whoami?user_id=${ghost}`)).toEqual({ user_id: ghost, is_guest: false })
    expect(await irc.get(`/account/whoami?user_id=${ghost}&device_id=${deviceId}`)).toMatchObject({
      device_id: deviceId,
    })
    expect(await irc.refusal('GET', `/account/whoami?user_id=${ghost}&device_id=NONE`)).toEqual({
      status: 400,
      errcode: 'M_UNKNOWN_DEVICE',
    })
    await irc.put(`/profile/${ghost}/displayname?user_id=${ghost}`, { displayname: 'Alice (IRC)' })
    await irc.ok('DELETE', `/devices/${deviceId}?user_id=${ghost}`)
  })

  test('T84: it may neither act as others nor register them, and others may not register its users', async () => {
    await using server = await start()
    const irc = bridge(server)
    const alice = await server.register('alice')
    for (const other of [alice.userId, '@_irc_alice:else.where', 'nonsense']) {
      expect(await irc.refusal('GET', `/account/whoami?user_id=${other}`)).toMatchObject({ status: 403 })
    }
    expect(await irc.refusal('POST', '/register', { type, username: 'bob' })).toEqual({
      status: 400,
      errcode: 'M_EXCLUSIVE',
    })
    const body = { username: '_irc_carol', password: 'x', auth: { type: 'm.login.dummy' } }
    expect(await server.client().refusal('POST', '/register', body)).toEqual({ status: 400, errcode: 'M_EXCLUSIVE' })
    expect(await alice.refusal('POST', '/register', { type, username: '_irc_carol' })).toEqual({
      status: 401,
      errcode: 'M_UNKNOWN_TOKEN',
    })
  })

  test('it opens sessions for its users without a password', async () => {
    await using server = await start()
    const irc = bridge(server)
    await irc.post('/register', { type, username: '_irc_alice', inhibit_login: true })
    const identifier = { type: 'm.id.user', user: '_irc_alice' }
    expect(await irc.post('/login', { type, identifier, device_id: 'BRIDGE' })).toMatchObject({
      user_id: '@_irc_alice:hs.test',
      device_id: 'BRIDGE',
    })
    const nobody = server.client()
    expect(await nobody.refusal('POST', '/login', { type, identifier })).toEqual({
      status: 401,
      errcode: 'M_MISSING_TOKEN',
    })
    const alice = await server.register('alice')
    const asAlice = { type, identifier: { type: 'm.id.user', user: 'alice' } }
    expect(await irc.refusal('POST', '/login', asAlice)).toEqual({ status: 400, errcode: 'M_EXCLUSIVE' })
    expect(await alice.refusal('POST', '/login', asAlice)).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
  })
})
