/** Endpoints that no other test has a reason to ask: their answers have to have the form of the specification too. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { startServer } from '../support/server.ts'

test('answers that nothing else looks at are as the specification says', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const roomId = await alice.createRoom({ preset: 'public_chat' })
  const begun = (await alice.sync())['next_batch'] as string
  const bob = await server.register('bob')
  await bob.post(`/rooms/${encodeURIComponent(roomId)}/join`)
  const ended = (await alice.sync({ since: begun }))['next_batch'] as string
  const changes = await alice.get(`/keys/changes?from=${encodeURIComponent(begun)}&to=${encodeURIComponent(ended)}`)
  expect(changes).toEqual({ changed: expect.any(Array), left: [] })

  const actions = '/pushrules/global/underride/.m.rule.message/actions'
  await alice.put(actions, { actions: [] })
  expect(await alice.get(actions)).toEqual({ actions: [] })

  const listed = `/directory/list/room/${encodeURIComponent(roomId)}`
  await alice.put(listed, { visibility: 'public' })
  expect(await alice.get(listed)).toEqual({ visibility: 'public' })

  expect(await alice.get('/_matrix/media/v3/config')).toEqual({ 'm.upload.size': expect.any(Number) })
  expect(await alice.get('/_matrix/client/versions')).toHaveProperty('versions')
  const unbound = { medium: 'email', address: 'alice@example.org' }
  expect(await alice.post('/account/3pid/unbind', unbound)).toEqual({ id_server_unbind_result: 'no-support' })
})

test('a code is sent to a telephone number for whatever it is asked', async () => {
  await using gateway = createServer((request, response) => request.resume().on('end', () => response.end()))
  gateway.listen(0, '127.0.0.1')
  await once(gateway, 'listening')
  const { port } = gateway.address() as AddressInfo // it listens on TCP
  await using server = await startServer({ config: `sms: { gateway: 'http://127.0.0.1:${port}/', secret: s }` })
  const body = { client_secret: 'a.secret', send_attempt: 1, country: 'GB', phone_number: '07700 900001' }
  for (const path of ['/register', '/account/password']) {
    expect(await server.client().post(`${path}/msisdn/requestToken`, body)).toHaveProperty('sid')
  }
})
