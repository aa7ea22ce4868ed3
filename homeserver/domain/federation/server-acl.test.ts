import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

forEachDatabase(({ dialect }) => {
  test('T51: the ACL of a room holds from the moment it is set', async () => {
    await using server = await startServer({ database: dialect })
    const { serverAcls } = server.server.services
    const alice = await server.register('alice')
    const roomId = (await alice.createRoom()) as `!${string}`
    expect(await serverAcls.mayTalk(roomId, 'evil.test')).toBe(true)
    await alice.setState(roomId, 'm.room.server_acl', { allow: ['*'], deny: ['evil.test'] })
    expect(await serverAcls.mayTalk(roomId, 'evil.test:8448')).toBe(false)
    expect(await serverAcls.mayTalk(roomId, 'hs2.test')).toBe(true)
    await alice.setState(roomId, 'm.room.server_acl', { allow: ['*'] })
    expect(await serverAcls.mayTalk(roomId, 'evil.test')).toBe(true)
    expect(await serverAcls.mayTalk('!unknown:hs.test', 'evil.test')).toBe(true)
  })
})
