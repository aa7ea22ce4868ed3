import { expect, test } from '@jest/globals'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Members } from '../../rooms/members.ts'
import type { ServerAcls } from '../server-acl.ts'
import { EduGate } from './edu-gate.ts'

test('of people in a partial room whom nobody knows yet, a server is taken at its word for a hundred', async () => {
  const [here, there]: readonly RoomId[] = ['!here:a.test', '!there:a.test']
  const gate = new EduGate({
    members: { find: () => Promise.resolve(undefined) } as unknown as Members,
    serverAcls: { mayTalk: () => Promise.resolve(true) } as unknown as ServerAcls,
    partialRooms: { serversOf: (roomId) => new Set(roomId === here ? ['a.test', 'b.test'] : ['a.test']) },
  })
  const admits = async (n: number, { server = 'a.test', roomId = here } = {}): Promise<boolean> =>
    await gate.admits(server, roomId ?? '!none:a.test', `@u${n}:${server}` satisfies UserId)
  const admitted: number[] = []
  for (let n = 0; n < 150; n++) if (await admits(n)) admitted.push(n)
  expect(admitted).toEqual(Array.from({ length: 100 }, (_, n) => n))
  expect([await admits(7), await admits(120)]).toEqual([true, false])
  expect([await admits(120, { server: 'b.test' }), await admits(120, { roomId: there })]).toEqual([true, true])
  expect(await admits(1, { server: 'b.test', roomId: there })).toBe(false)
})
