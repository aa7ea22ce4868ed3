import { expect, test } from '@jest/globals'
import { forEachDatabase, openMigrated } from '../../../test/support/databases.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { addPortal, portalOfRoom, setRoomState } from '../store/portals.ts'
import { Presence, type PresenceParts } from './presence.ts'

const roomId = '!room:hs.test'
const bot = '@bot:hs.test'

forEachDatabase(({ freshUrl }) => {
  test('a room that is paused stays so when the last of its people leaves and comes back', async () => {
    await using database = await openMigrated(await freshUrl())
    const portal = { chat_id: '-1', thread_id: 0, room_id: roomId, type: 'group', title: 'Kitchen', bridged_by: '@a:b' }
    await database.transaction('test', async (tx) => {
      await addPortal(tx, portal)
      await setRoomState(tx, roomId, 'paused')
    })
    let joined = {}
    const said: unknown[] = []
    const matrix = {
      botUserId: bot,
      isOurs: (userId: string) => userId === bot,
      request: () => Promise.resolve({ joined }),
      allState: () => Promise.resolve([]),
    }
    const telegram = { sender: { sendMessage: (message: unknown) => Promise.resolve(said.push(message)) } }
    const presence = new Presence({ matrix, telegram, database } as unknown as PresenceParts)
    const becomes = async (membership: string) => {
      const event: Partial<MatrixEvent> = { room_id: roomId, state_key: '@alice:hs.test', content: { membership } }
      await presence.changed(event as MatrixEvent)
    }
    await becomes('leave')
    joined = { '@alice:hs.test': {} }
    await becomes('join')
    expect((await portalOfRoom(database, roomId))?.state).toBe('paused')
    expect(said).toEqual([])
  })
})
