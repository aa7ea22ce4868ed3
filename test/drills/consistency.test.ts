import { expect, test } from '@jest/globals'
import { Database } from '../../homeserver/storage/database.ts'
import { startServer } from '../support/server.ts'
import { checkConsistency } from './consistency.ts'

/** Statements that each break one promise, and what is said of it. */
const damages: readonly (readonly [string, RegExp])[] = [
  ['update rooms set extremities = ?', /has no extremities/],
  [`delete from room_state where type = 'm.room.topic' and '[]' = ?`, /has another state than its group/],
  [`delete from state_changes where type = 'm.room.topic' and '[]' = ?`, /has another state than its changes make/],
  [`update memberships set membership = 'ban' where '[]' = ?`, /has another membership of @alice:hs.test/],
  [`update room_stats set joined_members = 7 where '[]' = ?`, /has joined_members 7, and its state says 1/],
  [`delete from relations where '[]' = ?`, /relates to something else/],
  [`update events set redacted_by = null where '[]' = ?`, /redacted nothing/],
  [`update events set depth = 99 where type = 'm.reaction' and '[]' = ?`, /has columns of another event/],
  [
    `update events set json = replace(json, 'the topic', 'the tapic') where '[]' = ?`,
    /has the hash of another content/,
  ],
]

test('tables that agree are not complained of, and each thing that does not agree is told', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const roomId = await alice.createRoom({ topic: 'the topic' })
  const event = await alice.send(roomId, 'hello')
  await alice.send(roomId, { 'm.relates_to': { rel_type: 'm.annotation', event_id: event, key: '+' } }, 'm.reaction')
  const redacted = await alice.send(roomId, 'not this')
  await alice.put(`/rooms/${roomId}/redact/${encodeURIComponent(redacted)}/r1`, {})
  const database = server.server.services.config.database.url
  const conn = await Database.open({ url: database })
  await using closing = new AsyncDisposableStack()
  closing.defer(() => conn.close())
  expect(await checkConsistency(conn)).toEqual([])

  const rollback = new Error('each damage is undone')
  for (const [statement, complaint] of damages) {
    const told = conn.transaction('damage', async (tx) => {
      expect(await tx.run(statement, ['[]'])).toBeGreaterThan(0)
      expect((await checkConsistency(tx)).join('\n')).toMatch(complaint)
      throw rollback
    })
    await expect(told).rejects.toBe(rollback)
  }
})
