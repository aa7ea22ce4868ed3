import { expect, test } from '@jest/globals'
import { startServer } from '../../test/support/server.ts'

test('an unknown path, a wrong method and a preflight get the answers clients look for', async () => {
  await using server = await startServer()
  const client = server.client()
  expect((await client.request('GET', '/_matrix/client/versions')).body['versions']).toContain('v1.19')
  expect(await client.refusal('GET', '/_matrix/client/v3/nowhere')).toEqual({ status: 404, errcode: 'M_UNRECOGNIZED' })
  expect(await client.refusal('PUT', '/_matrix/client/versions', {})).toEqual({
    status: 405,
    errcode: 'M_UNRECOGNIZED',
  })
  const preflight = await client.request('OPTIONS', '/_matrix/client/v3/anything')
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
})
