import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { MemoryBus } from '../../platform/bus.ts'
import { Database } from '../../storage/database.ts'
import { migrate } from '../../storage/migrate.ts'
import { type Positions, Streams } from '../../storage/streams.ts'
import { DeviceLists } from './device-lists.ts'

const [alice, bob, carol] = ['@alice:hs.test', '@bob:hs.test', '@carol:hs.test'] as const
const [room, other] = ['!room:hs.test', '!other:hs.test'] as const

/** Device lists over a database in which memberships are written without the rules of rooms. */
class World implements AsyncDisposable {
  readonly deviceLists: DeviceLists
  readonly #database: Database
  readonly #streams: Streams
  readonly bells: unknown[] = []

  private constructor(database: Database, streams: Streams, bus: MemoryBus) {
    this.#database = database
    this.#streams = streams
    this.deviceLists = new DeviceLists({ database, streams, announcements: [], unplacedChanges: [] })
    bus.subscribe(({ stream, keys }) => stream === 'device_lists' && this.bells.push(keys))
  }

  static async open(url: string): Promise<World> {
    const [database, bus] = [await Database.open({ url }), new MemoryBus()]
    await migrate(database)
    return new World(database, await Streams.open(database, bus), bus)
  }

  async set(userId: UserId, roomId: RoomId, membership: 'join' | 'leave' | 'invite'): Promise<void> {
    await this.#database.transaction('set membership', async (tx) => {
      const id = this.#streams.reserve(tx, 'events', 1, {})
      const json = JSON.stringify({ content: { membership } })
      const key = [roomId, userId]
      const before = await tx.row<{ event_nid: number }>(
        'select event_nid from memberships where room_id = ? and user_id = ?',
        key,
      )
      await tx.run(
        `insert into events (nid, event_id, room_id, stream_id, depth, type, state_key, sender, origin_server_ts,
                             json, content_at, content_length)
           values (?, ?, ?, ?, 1, 'm.room.member', ?, ?, 0, ?, 0, 0)`,
        [id, `$${id}`, roomId, id, userId, userId, json],
      )
      await tx.run('delete from memberships where room_id = ? and user_id = ?', key)
      await tx.run(
        `insert into memberships (room_id, user_id, membership, sender, event_nid, event_id, stream_id)
           values (?, ?, ?, ?, ?, ?, ?)`,
        [...key, membership, userId, id, `$${id}`, id],
      )
      await tx.run(
        `insert into state_changes (stream_id, room_id, type, state_key, event_nid, prev_nid)
           values (?, ?, 'm.room.member', ?, ?, ?)`,
        [id, roomId, userId, id, before?.event_nid ?? null],
      )
    })
  }

  async announce(userId: UserId): Promise<void> {
    await this.#database.transaction('announce', (tx) => this.deviceLists.announce(tx, userId, {}))
  }

  here(): Positions {
    return this.#streams.positions()
  }

  /** What a user learns of what happened since, and of nothing else. */
  async changes(userId: UserId, from: Positions): Promise<{ changed: UserId[]; left: UserId[] }> {
    const { changed, left } = await this.deviceLists.changes(userId, from, this.here())
    return { changed: [...changed].sort(), left: [...left] }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.close()
  }
}

forEachDatabase(({ freshUrl }) => {
  test('a change is told to its user and to those who share a room, once', async () => {
    await using world = await World.open(await freshUrl())
    for (const userId of [alice, bob]) await world.set(userId, room, 'join')
    await world.set(carol, room, 'invite')
    const start = world.here()
    await world.announce(alice)
    await world.announce(alice)
    expect(world.bells).toEqual([
      { users: [alice], rooms: [room] },
      { users: [alice], rooms: [room] },
    ])
    expect(await world.changes(alice, start)).toEqual({ changed: [alice], left: [] })
    expect(await world.changes(bob, start)).toEqual({ changed: [alice], left: [] })
    expect(await world.changes(carol, start)).toEqual({ changed: [], left: [] })
    expect(await world.changes(bob, world.here())).toEqual({ changed: [], left: [] })
  })

  test('a user who comes into a room is new to its members, and they are new to him', async () => {
    await using world = await World.open(await freshUrl())
    for (const userId of [alice, bob]) await world.set(userId, room, 'join')
    const start = world.here()
    await world.set(carol, room, 'join')
    expect(await world.changes(alice, start)).toEqual({ changed: [carol], left: [] })
    expect(await world.changes(carol, start)).toEqual({ changed: [alice, bob, carol], left: [] })
  })

  test('a user who leaves is left by those who share no other room with him', async () => {
    await using world = await World.open(await freshUrl())
    for (const userId of [alice, bob, carol]) await world.set(userId, room, 'join')
    for (const userId of [bob, carol]) await world.set(userId, other, 'join')
    const start = world.here()
    await world.set(carol, room, 'leave')
    expect(await world.changes(alice, start)).toEqual({ changed: [], left: [carol] })
    expect(await world.changes(bob, start)).toEqual({ changed: [], left: [] })
    expect(await world.changes(carol, start)).toEqual({ changed: [], left: [alice] })
    await world.announce(carol)
    expect((await world.changes(alice, start)).changed).toEqual([])
  })

  test('a change of name is no move, and one who leaves and comes back is new', async () => {
    await using world = await World.open(await freshUrl())
    for (const userId of [alice, bob]) await world.set(userId, room, 'join')
    const start = world.here()
    await world.set(bob, room, 'join')
    expect(await world.changes(alice, start)).toEqual({ changed: [], left: [] })
    await world.set(bob, room, 'leave')
    await world.set(bob, room, 'join')
    expect(await world.changes(alice, start)).toEqual({ changed: [bob], left: [] })
  })
})
