import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { PeerRoom } from '../../../test/support/peer-room.ts'
import { stateKeyOf } from '../../core/event.ts'
import { roomVersions } from '../../core/room-version.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'
import { findBranches } from './state-branches.ts'

const signer = { serverName: 'peer.test', key: signingKeyFromSeed('peer', Buffer.alloc(32, 3)) }

forEachDatabase(({ freshUrl }) => {
  test('what two branches of a room disagree about is told, with what counts now', async () => {
    await using heart = await Heart.open(await freshUrl())
    const room = new PeerRoom(roomVersions['11'], signer)
    const before = room.fork()
    const join = room.member('@alice:hs.test', 'join')
    const events = [...room.events.values()].filter((event) => event !== join)
    const { roomId, version } = room
    await heart.writer.storeOutliers(roomId, version, events)
    await heart.writer.adopt({ roomId, version, event: join, state: [...before.state.values()] })
    expect(await findBranches(heart, roomId)).toMatchObject({ tips: [{ eventId: join.eventId }], conflicts: [] })

    const fork = room.fork()
    const one = room.topic('one')
    const said = room.say('deeper')
    const other = room.topic('other', { on: fork })
    for (const event of [one, said, other]) await heart.writer.receive(roomId, event)
    const { tips, conflicts, version: id } = await findBranches(heart, roomId)
    expect(id).toBe('11')
    expect(tips.map(({ eventId }) => eventId)).toEqual([said.eventId, other.eventId])
    expect(conflicts).toMatchObject([
      {
        key: stateKeyOf('m.room.topic', ''),
        current: { eventId: other.eventId }, // the later one
        said: [{ eventId: one.eventId }, { eventId: other.eventId }],
      },
    ])

    await heart.send(roomId, '@alice:hs.test', 'together')
    expect(await findBranches(heart, roomId)).toMatchObject({ tips: [{}], conflicts: [] })
    await expect(findBranches(heart, '!nowhere:hs.test')).rejects.toMatchObject({ errcode: 'M_NOT_FOUND' })
  })
})
