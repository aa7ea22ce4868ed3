import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'domovoi-third-party-'))
  const registration = {
    id: 'irc',
    url: null,
    as_token: 'a',
    hs_token: 'b',
    sender_localpart: 'ircbot',
    namespaces: {},
    protocols: ['irc'],
  }
  await writeFile(join(directory, 'irc.yaml'), JSON.stringify(registration))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

forEachDatabase(({ dialect: database }) => {
  test('without bridges and TURN clients are told so and not refused', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    expect(await alice.get('/thirdparty/protocols')).toEqual({})
    expect(await alice.refusal('GET', '/thirdparty/protocol/irc')).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await alice.get('/voip/turnServer')).toEqual({})
  })

  test('the protocols of registrations are known', async () => {
    await using server = await startServer({ database, config: `appservices: ['${join(directory, 'irc.yaml')}']` })
    const alice = await server.register('alice')
    const irc = await alice.get('/thirdparty/protocol/irc')
    expect(irc).toMatchObject({ instances: [], user_fields: [] })
    expect(await alice.get('/thirdparty/protocols')).toEqual({ irc })
  })
})
