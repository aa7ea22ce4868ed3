/** The heart of a server without HTTP: storage, streams, rooms. For tests of what reads rooms. */
import { signingKeyFromSeed } from '../../homeserver/core/signing.ts'
import type { JsonObject } from '../../homeserver/core/event.ts'
import type { EventId, RoomId, UserId } from '../../homeserver/core/ids.ts'
import { findRoomVersion } from '../../homeserver/core/room-version.ts'
import type { Companion, PushEvaluation } from '../../homeserver/domain/rooms/commit.ts'
import { EventCache } from '../../homeserver/domain/rooms/event-cache.ts'
import type { PolicyServers } from '../../homeserver/domain/rooms/hooks.ts'
import { PartialRooms } from '../../homeserver/domain/rooms/partial-rooms.ts'
import { Members } from '../../homeserver/domain/rooms/members.ts'
import { type EventDraft } from '../../homeserver/domain/rooms/build.ts'
import { LocalRoomWriter } from '../../homeserver/domain/rooms/writer.ts'
import { type Bus, MemoryBus } from '../../homeserver/platform/bus.ts'
import { type Clock, systemClock } from '../../homeserver/platform/clock.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { migrate } from '../../homeserver/storage/migrate.ts'
import { Streams } from '../../homeserver/storage/streams.ts'

export const serverName = 'hs.test'

type PushParts = Pick<Heart, 'database' | 'bus' | 'streams' | 'events' | 'members' | 'partialRooms'>

/** Notifies nobody of anything. */
const quiet = (): PushEvaluation => ({ evaluate: (_, built) => Promise.resolve(built.map(() => null)) })

export class Heart implements AsyncDisposable {
  readonly database: Database
  readonly bus: Bus
  readonly clock: Clock
  readonly streams: Streams
  readonly events: EventCache
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly writer: LocalRoomWriter

  private constructor(parts: Omit<Heart, 'create' | 'send' | 'member' | typeof Symbol.asyncDispose>) {
    this.database = parts.database
    this.bus = parts.bus
    this.clock = parts.clock
    this.streams = parts.streams
    this.events = parts.events
    this.members = parts.members
    this.writer = parts.writer
    this.partialRooms = parts.partialRooms
  }

  static async open(
    url: string,
    {
      bus = new MemoryBus(),
      clock = systemClock,
      writer: name = 'main',
      push: openPush = quiet,
      companions: openCompanions,
      policyServers = [],
    }: {
      bus?: Bus
      clock?: Clock
      writer?: string
      push?: (parts: PushParts) => PushEvaluation
      companions?: (parts: PushParts) => Promise<readonly Companion[]>
      policyServers?: readonly PolicyServers[]
    } = {},
  ): Promise<Heart> {
    const database = await Database.open({ url })
    await migrate(database)
    const streams = await Streams.open(database, bus, { writer: name })
    const events = new EventCache({ database, bus })
    const members = new Members({ database, bus, serverName })
    const signer = { serverName, key: signingKeyFromSeed('test', Buffer.alloc(32, 7)) }
    const partialRooms = await PartialRooms.open({ database, clock })
    const shared = { database, bus, streams, events, members, partialRooms }
    const push = openPush(shared)
    const companions = (await openCompanions?.(shared)) ?? []
    const writer = await LocalRoomWriter.open({ ...shared, signer, clock, push, companions, policyServers })
    return new Heart({ ...shared, clock, writer })
  }

  /** A public room of version 12 unless told otherwise; further state as `[type, content]`. */
  async create(
    creator: UserId,
    { version = '12', state = [] }: { version?: string; state?: readonly (readonly [string, JsonObject])[] } = {},
  ): Promise<RoomId> {
    const rules = findRoomVersion(version)
    if (!rules) throw new Error(`no room version ${version}`)
    const draft = (type: string, content: JsonObject, stateKey = ''): EventDraft => ({
      type,
      stateKey,
      sender: creator,
      content,
    })
    const { roomId } = await this.writer.create({
      version: rules,
      creator,
      content: { room_version: version, ...(rules.creatorFromSender ? {} : { creator }) },
      drafts: [
        draft('m.room.member', { membership: 'join' }, creator),
        draft('m.room.power_levels', rules.privilegedCreators ? {} : { users: { [creator]: 100 } }),
        draft('m.room.join_rules', { join_rule: 'public' }),
        ...state.map(([type, content]) => draft(type, content)),
      ],
    })
    return roomId
  }

  /** A message unless told otherwise. */
  async send(roomId: RoomId, sender: UserId, draft: Partial<EventDraft> | string = 'hello'): Promise<EventId> {
    const whole = typeof draft === 'string' ? { content: { msgtype: 'm.text', body: draft } } : draft
    const [sent] = await this.writer.send(roomId, [{ type: 'm.room.message', content: {}, sender, ...whole }])
    if (!sent) throw new Error('nothing was sent')
    return sent.eventId
  }

  async member(roomId: RoomId, userId: UserId, membership: string, sender = userId): Promise<EventId> {
    return await this.send(roomId, sender, { type: 'm.room.member', stateKey: userId, content: { membership } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close()
  }
}
