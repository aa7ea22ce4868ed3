import { describe, expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { startServer } from '../../../test/support/server.ts'
import { coturnMissing, TurnServer } from '../../../test/support/turn.ts'

const secret = 'secret of the TURN server'

test('without a TURN server the answer is empty', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  expect(await alice.get('/voip/turnServer')).toEqual({})
  expect((await server.client().refusal('GET', '/voip/turnServer')).status).toBe(401)
})

test('a user gets a name and a password that are good for some time', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1))
  const turn = `calls: { turn: { uris: ['turn:turn.test:3478?transport=udp'], secret: ${secret}, lifetime: 2h } }`
  await using server = await startServer({ config: turn, parts: { clock } })
  const alice = await server.register('alice')
  expect(await alice.get('/voip/turnServer')).toEqual({
    username: '1767232800:@alice:hs.test',
    // openssl dgst -sha1 -hmac "$secret" -binary | base64
    password: 'i2wDZcTocEGJ0ww3SuGP+aSDGNk=',
    ttl: 7200,
    uris: ['turn:turn.test:3478?transport=udp'],
  })
})

const describeTurn = coturnMissing ? describe.skip : describe

describeTurn(coturnMissing ? `with coturn (${coturnMissing})` : 'with coturn', () => {
  test('the TURN server takes them, and no others', async () => {
    await using turn = await TurnServer.start(secret)
    const config = `calls: { turn: { uris: ['turn:127.0.0.1:${turn.port}?transport=udp'], secret: ${secret} } }`
    await using server = await startServer({ config })
    const alice = await server.register('alice')
    const { username, password } = (await alice.get('/voip/turnServer')) as { username: string; password: string }
    expect(await turn.allocate(username, password)).toBeUndefined()
    expect(await turn.allocate(username, 'another password')).toBe(401)
    expect(await turn.allocate(username.replace('alice', 'mallory'), password)).toBe(401)
  })
})
