import { expect, test } from '@jest/globals'
import { AccessToken, TokenVerifier } from 'livekit-server-sdk'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Secret } from '../../platform/secret.ts'
import { adminToken, joinToken } from './grants.ts'
import { signJwt, verifyJwt } from './jwt.ts'

const key = { id: 'APIkey', secret: new Secret('a secret of more than thirty-two characters') }
const clock = { now: () => Date.now() }

test("LiveKit's own library reads our tokens, and we read its", async () => {
  const verifier = new TokenVerifier(key.id, key.secret.reveal())
  const grant = { sfuRoom: 'room', identity: '@a:b:DEV', canPublish: true, canUpdateOwnMetadata: true }
  const claims = await verifier.verify(await joinToken(grant, key, clock))
  expect(claims.sub).toBe('@a:b:DEV')
  expect(claims.video).toEqual({
    room: 'room',
    roomJoin: true,
    roomCreate: false,
    canPublish: true,
    canSubscribe: true,
    canUpdateOwnMetadata: true,
  })
  expect((claims.exp ?? 0) - (claims.nbf ?? 0)).toBe(3600)
  expect((await verifier.verify(await adminToken({ roomCreate: true }, key, clock))).video).toEqual({
    roomCreate: true,
  })

  const theirs = new AccessToken(key.id, key.secret.reveal(), { identity: 'x' })
  theirs.addGrant({ room: 'r', roomJoin: true })
  expect(await verifyJwt(await theirs.toJwt(), key, clock)).toMatchObject({ sub: 'x', video: { room: 'r' } })
})

test('a token by another key, altered, of another algorithm or out of its time is none', async () => {
  const later = new FakeClock()
  const seconds = Math.floor(later.now() / 1000)
  const token = await signJwt({ nbf: seconds, exp: seconds + 300 }, key)
  expect(await verifyJwt(token, key, later)).toBeDefined()
  const [head, payload, mac] = token.split('.')
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const altered = [
    await signJwt({ exp: seconds + 300 }, { ...key, secret: new Secret('another') }),
    await signJwt({ exp: seconds + 300 }, { ...key, id: 'another' }),
    await signJwt({}, key),
    await signJwt({ nbf: seconds + 3600, exp: seconds + 7200 }, key),
    await signJwt({ exp: seconds - 3600 }, key),
    `${head}.${encode({ iss: key.id, exp: seconds + 9999 })}.${mac}`,
    `${encode({ alg: 'none' })}.${payload}.`,
    `${token}.x`,
    `${head}.${payload}`,
    'x',
    '',
  ]
  expect(await Promise.all(altered.map((text) => verifyJwt(text, key, later)))).toEqual(altered.map(() => undefined))
})
