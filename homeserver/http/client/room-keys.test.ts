import { describe, expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const algorithm = 'm.megolm_backup.v1.curve25519-aes-sha2'
const room = encodeURIComponent('!room:hs.test')

function key(index: number, forwarded = 0, verified = false): Record<string, unknown> {
  return {
    first_message_index: index,
    forwarded_count: forwarded,
    is_verified: verified,
    session_data: { ciphertext: `${index} ${forwarded} ${verified}` },
  }
}

async function createBackup(client: Client): Promise<string> {
  return (await client.post('/room_keys/version', { algorithm, auth_data: { public_key: 'abc' } }))['version'] as string
}

const notFound = { status: 404, errcode: 'M_NOT_FOUND' }

forEachDatabase(({ dialect: database }) => {
  describe('a key backup', () => {
    test('is made, described, changed and deleted', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      expect(await alice.refusal('GET', '/room_keys/version')).toEqual(notFound)
      expect(await createBackup(alice)).toBe('1')
      const described = { algorithm, auth_data: { public_key: 'abc' }, count: 0, etag: '0', version: '1' }
      expect(await alice.get('/room_keys/version')).toEqual(described)
      expect(await alice.get('/room_keys/version/1')).toEqual(described)
      await alice.put('/room_keys/version/1', { algorithm, auth_data: { public_key: 'd' }, version: '1' })
      expect((await alice.get('/room_keys/version/1'))['auth_data']).toEqual({ public_key: 'd' })
      const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
      const change = { algorithm, auth_data: {} }
      expect(await alice.refusal('PUT', '/room_keys/version/1', { ...change, algorithm: 'other' })).toEqual(invalid)
      expect(await alice.refusal('PUT', '/room_keys/version/1', { ...change, version: '2' })).toEqual(invalid)
      expect(await alice.refusal('PUT', '/room_keys/version/2', change)).toEqual(notFound)
      await alice.ok('DELETE', '/room_keys/version/1')
      await alice.ok('DELETE', '/room_keys/version/1')
      expect(await alice.refusal('DELETE', '/room_keys/version/2')).toEqual(notFound)
      for (const path of ['/room_keys/version', '/room_keys/version/1', '/room_keys/version/x']) {
        expect(await alice.refusal('GET', path)).toEqual(notFound)
      }
      expect(await createBackup(alice)).toBe('2')
    })

    test('takes keys for all rooms, a room or a session, and gives them back so', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      await createBackup(alice)
      const rooms = {
        '!room:hs.test': { sessions: { a: key(1), b: key(2) } },
        '!other:hs.test': { sessions: { 'c/+="': key(3) } },
      }
      expect(await alice.put('/room_keys/keys?version=1', { rooms })).toEqual({ etag: '1', count: 3 })
      expect(await alice.get('/room_keys/keys?version=1')).toEqual({ rooms })
      const more = { sessions: { d: key(4) } }
      expect(await alice.put(`/room_keys/keys/${room}?version=1`, more)).toEqual({ etag: '2', count: 4 })
      expect(await alice.put(`/room_keys/keys/${room}/e?version=1`, key(5))).toEqual({ etag: '3', count: 5 })
      const sessions = { a: key(1), b: key(2), d: key(4), e: key(5) }
      expect(await alice.get(`/room_keys/keys/${room}?version=1`)).toEqual({ sessions })
      expect(await alice.get(`/room_keys/keys/${room}/e?version=1`)).toEqual(key(5))
      expect(await alice.get('/room_keys/version')).toMatchObject({ etag: '3', count: 5 })

      expect(await alice.ok('DELETE', `/room_keys/keys/${room}/e?version=1`)).toEqual({ etag: '4', count: 4 })
      expect(await alice.ok('DELETE', `/room_keys/keys/${room}/e?version=1`)).toEqual({ etag: '4', count: 4 })
      expect(await alice.refusal('GET', `/room_keys/keys/${room}/e?version=1`)).toEqual(notFound)
      expect(await alice.ok('DELETE', `/room_keys/keys/${room}?version=1`)).toEqual({ etag: '5', count: 1 })
      expect(await alice.get(`/room_keys/keys/${room}?version=1`)).toEqual({ sessions: {} })
      expect(await alice.ok('DELETE', '/room_keys/keys?version=1')).toEqual({ etag: '6', count: 0 })
      expect(await alice.get('/room_keys/keys?version=1')).toEqual({ rooms: {} })
    })

    test('takes keys for its current version alone, but older ones stay readable', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      const put = () => alice.request('PUT', `/room_keys/keys/${room}/a?version=1`, key(1))
      expect((await put()).status).toBe(404)
      await createBackup(alice)
      expect((await put()).status).toBe(200)
      await createBackup(alice)
      const { status, body } = await put()
      expect({ status, body }).toMatchObject({
        status: 403,
        body: { errcode: 'M_WRONG_ROOM_KEYS_VERSION', current_version: '2' },
      })
      expect(await alice.get('/room_keys/keys?version=2')).toEqual({ rooms: {} })
      expect(await alice.get(`/room_keys/keys/${room}/a?version=1`)).toEqual(key(1))
      expect(await alice.refusal('GET', '/room_keys/keys?version=3')).toEqual(notFound)
      await alice.ok('DELETE', '/room_keys/version/2')
      expect((await put()).status).toBe(200)
    })

    test('keeps the better of two keys', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      await createBackup(alice)
      const path = `/room_keys/keys/${room}/a?version=1`
      const orders = [key(10, 5), key(10, 4), key(9, 6), key(20, 9, true), key(20, 8, true), key(19, 9, true)]
      for (const [index, better] of orders.entries()) {
        await alice.put(path, better)
        const before = await alice.get('/room_keys/version')
        for (const worse of orders.slice(0, index + 1)) {
          expect(await alice.put(path, worse)).toEqual({ etag: before['etag'], count: 1 })
        }
        expect(await alice.get(path)).toEqual(better)
      }
    })

    test('is given out whole over many pages', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      await createBackup(alice)
      const sessionsOf = (count: number) => ({
        sessions: Object.fromEntries(Array.from({ length: count }, (_, index) => [`session ${index}`, key(index)])),
      })
      const rooms = { '!a:hs.test': sessionsOf(700), '!b:hs.test': sessionsOf(1300), '!c:hs.test': sessionsOf(2500) }
      expect((await alice.put('/room_keys/keys?version=1', { rooms }))['count']).toBe(4500)
      expect(await alice.get('/room_keys/keys?version=1')).toEqual({ rooms })
      expect(await alice.get(`/room_keys/keys/${encodeURIComponent('!c:hs.test')}?version=1`)).toEqual(
        rooms['!c:hs.test'],
      )
      expect((await alice.put('/room_keys/keys?version=1', { rooms }))['etag']).toBe('1')
    })
  })
})

test('malformed keys are refused and users see their own backups alone', async () => {
  await using server = await startServer()
  const [alice, bob] = [await server.register('alice'), await server.register('bob')]
  await createBackup(alice)
  const path = `/room_keys/keys/${room}/a?version=1`
  for (const bad of [
    { ...key(1), first_message_index: -1 },
    { ...key(1), is_verified: 1 },
    { ...key(1), session_data: 'x' },
  ]) {
    expect((await alice.refusal('PUT', path, bad)).status).toBe(400)
  }
  const large = { ...key(1), session_data: { text: 'x'.repeat(65_536) } }
  expect((await alice.refusal('PUT', path, large)).errcode).toBe('M_TOO_LARGE')
  expect((await alice.refusal('PUT', `/room_keys/keys/${room}/a`, key(1))).errcode).toBe('M_MISSING_PARAM')
  expect((await alice.refusal('POST', '/room_keys/version', { algorithm })).errcode).toBe('M_MISSING_PARAM')
  await alice.put(path, key(1))
  expect(await bob.refusal('GET', path)).toEqual(notFound)
})
