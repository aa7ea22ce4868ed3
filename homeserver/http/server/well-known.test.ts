import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import { Federation } from '../../../test/support/federation.ts'
import { startServer } from '../../../test/support/server.ts'

const serverPath = '/.well-known/matrix/server'
const supportPath = '/.well-known/matrix/support'

test('others are told the address of the reverse proxy, if they look', async () => {
  await using server = await startServer({
    config: 'federation: { mode: open }\npublic_url: https://chat.hs.test/',
  })
  expect(await server.client().get(serverPath)).toEqual({ 'm.server': 'chat.hs.test:443' })
  await using named = await startServer({ config: 'federation: { mode: open }\nserver_name: hs.test:8449' })
  expect(await named.client().refusal('GET', serverPath)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
})

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  test('others are told the port with the certificate of the server itself', async () => {
    await using federation = await Federation.make('hs1.test')
    const { server } = await federation.start('hs1.test', { config: 'public_url: https://hs1.test' })
    expect((await server.client().get(serverPath))['m.server']).toMatch(/^hs1\.test:\d+$/)
  })
})

test('whom to turn to is told if the configuration says it', async () => {
  await using silent = await startServer()
  expect(await silent.client().refusal('GET', supportPath)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  await using server = await startServer({
    config: "support: { matrix_id: '@admin:hs.test', email: admin@hs.test, page: https://hs.test/help }",
  })
  expect(await server.client().get(supportPath)).toEqual({
    contacts: [{ matrix_id: '@admin:hs.test', email_address: 'admin@hs.test', role: 'm.role.admin' }],
    support_page: 'https://hs.test/help',
  })
})
