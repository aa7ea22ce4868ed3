import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const adminOf = (userId: string): string => `/_synapse/admin/v1/users/${userId}/admin`

forEachDatabase(({ dialect: database }) => {
  test('administrators see who is one, make others so, and do not step down by mistake', async () => {
    await using server = await startServer({ database })
    const [root, alice] = [await server.register('root'), await server.register('alice')]
    expect(await alice.refusal('GET', adminOf(alice.userId))).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    await server.server.services.accounts.setRights('@root:hs.test', { isAdmin: true })
    expect(await root.get(adminOf(root.userId))).toEqual({ admin: true })
    expect(await root.get(adminOf(alice.userId))).toEqual({ admin: false })
    await root.put(adminOf(alice.userId), { admin: true })
    expect(await alice.get(adminOf(root.userId))).toEqual({ admin: true })
    expect(await root.refusal('PUT', adminOf(root.userId), { admin: false })).toEqual({
      status: 400,
      errcode: 'M_INVALID_PARAM',
    })
  })

  test('an administrator ends an account for good', async () => {
    await using server = await startServer({ database })
    const [root, alice] = [await server.register('root'), await server.register('alice')]
    await server.server.services.accounts.setRights('@root:hs.test', { isAdmin: true })
    const path = `/_synapse/admin/v1/deactivate/${alice.userId}`
    expect(await alice.refusal('POST', path, {})).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(await root.post(path, { erase: true })).toEqual({ id_server_unbind_result: 'success' })
    expect(await alice.refusal('GET', '/account/whoami')).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
    expect(await root.refusal('POST', path, {})).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  })
})

test('everybody may know the release', async () => {
  await using server = await startServer()
  expect(await server.client().get('/_synapse/admin/v1/server_version')).toEqual({
    server_version: expect.stringMatching(/^\d+\.\d+\.\d+/),
  })
})
