/**
 * The only door through which this server's own events get into a room. Arguments and results are plain data, so that
 * the room's owner may be another process.
 */
import { randomBytes } from 'node:crypto'
import type { JsonObject, Pdu } from '../../core/event.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { Signer } from '../../core/signing.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { lastNid, lowestStreamId } from '../../storage/events.ts'
import { StateGroups } from '../../storage/state-groups.ts'
import type { Streams } from '../../storage/streams.ts'
import { build, type BuildParts, type BuiltEvent, type EventDraft, missingFor, prepare } from './build.ts'
import { Committer, type Companion, type PushEvaluation } from './commit.ts'
import type { EventCache } from './event-cache.ts'
import { emptyStats, HeadView, RoomHead } from './head.ts'
import { Heads } from './heads.ts'
import type { PolicyServers } from './hooks.ts'
import type { PartialRooms } from './partial-rooms.ts'
import type { OutOfBandMembership, RemoteEventWriter, RoomEntry } from './remote-event.ts'
import { Recommendations } from './recommendations.ts'
import { RemoteEvents } from './remote-events.ts'

export interface SentEvent {
  readonly eventId: EventId
  /** The position of the events stream at which readers see it. */
  readonly streamId: number
}

/** The id of the event of a single draft. */
export function onlyEvent([sent]: readonly SentEvent[]): EventId {
  if (!sent) throw new Error('a draft was sent and made no event')
  return sent.eventId
}

export interface RoomCreation {
  readonly version: RoomVersion
  readonly creator: UserId
  /** The content of the create event. */
  readonly content: JsonObject
  readonly timestamp?: number
  /** The state the room begins with, in order. */
  readonly drafts: readonly EventDraft[]
}

export interface RoomWriter extends RemoteEventWriter {
  /** Builds on the room's head and commits: all of the events or none. Resolves when they are on disk. */
  send(roomId: RoomId, drafts: readonly EventDraft[]): Promise<readonly SentEvent[]>
  create(creation: RoomCreation): Promise<{ readonly roomId: RoomId; readonly events: readonly SentEvent[] }>
}

export interface WriterParts {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly signer: Signer
  readonly clock: Clock
  readonly events: EventCache
  readonly push: PushEvaluation
  readonly partialRooms: PartialRooms
  readonly companions?: readonly Companion[]
  readonly policyServers?: readonly PolicyServers[]
}

export class LocalRoomWriter implements RoomWriter {
  readonly #parts: WriterParts
  readonly #build: BuildParts
  readonly #groups = new StateGroups()
  readonly #committer: Committer
  readonly #heads: Heads
  readonly #remote: RemoteEvents
  readonly #recommendations: Recommendations
  #lastCreatedTs = 0

  private constructor(parts: WriterParts, nid: number, lowestStreamId: number) {
    this.#parts = parts
    let last = nid
    this.#build = {
      signer: parts.signer,
      events: parts.events,
      groups: this.#groups,
      nextNid: () => ++last,
      now: () => parts.clock.now(),
    }
    this.#committer = new Committer(parts, (rooms) => {
      for (const roomId of rooms) this.#heads.delete(roomId)
      this.#remote.forget(rooms)
    })
    this.#heads = new Heads({ database: parts.database, committer: this.#committer })
    const { events, policyServers = [] } = parts
    this.#recommendations = new Recommendations({ events, policyServers })
    this.#remote = new RemoteEvents({
      ...parts,
      recommendations: this.#recommendations,
      groups: this.#groups,
      heads: this.#heads,
      committer: this.#committer,
      nextNid: this.#build.nextNid,
      lowestStreamId,
    })
  }

  static async open(parts: WriterParts): Promise<LocalRoomWriter> {
    const { database } = parts
    return new LocalRoomWriter(parts, await lastNid(database), await lowestStreamId(database))
  }

  async send(roomId: RoomId, drafts: readonly EventDraft[]): Promise<readonly SentEvent[]> {
    for (;;) {
      const head = this.#heads.peek(roomId) ?? (await this.#heads.load(roomId))
      if (this.#recommendations.mayConcern(head)) return await this.#sendRecommended(roomId, drafts)
      if (head.paused) await head.paused
      await this.#warm(head, drafts)
      // Between the last await and the commit nothing else runs, so head and memory are as they were looked at.
      const view = new HeadView(head)
      if (this.#heads.peek(roomId) !== head || head.paused || !this.#isWarm(view, drafts)) continue
      return await this.#commit(
        view,
        drafts.map((draft) => build(draft, view, this.#build)),
      )
    }
  }

  /** As `send`, with the word of a policy server on each event. Meanwhile the head stays where it is. */
  async #sendRecommended(roomId: RoomId, drafts: readonly EventDraft[]): Promise<readonly SentEvent[]> {
    return await this.#remote.alone(roomId, async () => {
      for (;;) {
        const head = await this.#heads.load(roomId)
        using _pause = head.pause()
        await this.#warm(head, drafts)
        const view = new HeadView(head)
        if (this.#heads.peek(roomId) !== head || !this.#isWarm(view, drafts)) continue
        const events: BuiltEvent[] = []
        for (const draft of drafts) {
          const event = await this.#recommendations.of(head, build(draft, view, this.#build))
          view.addEvent(event)
          events.push(event)
        }
        if (this.#heads.peek(roomId) === head) return await this.#commit(view, events)
      }
    })
  }

  async create({ version, creator, content, timestamp, drafts }: RoomCreation): Promise<{
    readonly roomId: RoomId
    readonly events: readonly SentEvent[]
  }> {
    // The id of a room of version 12 is the hash of its create event, so no two may be made in one millisecond.
    const createdTs = timestamp ?? (this.#lastCreatedTs = Math.max(this.#parts.clock.now(), this.#lastCreatedTs + 1))
    const createDraft: EventDraft = {
      type: 'm.room.create',
      stateKey: '',
      sender: creator,
      content,
      timestamp: createdTs,
    }
    const head = this.#emptyHead(version, creator, createdTs, createDraft)
    const view = new HeadView(head)
    const built = [createDraft, ...drafts].map((draft) => build(draft, view, this.#build))
    return { roomId: head.roomId, events: await this.#commit(view, built) }
  }

  async prepare(roomId: RoomId, draft: EventDraft): Promise<Pdu> {
    for (;;) {
      const head = this.#heads.peek(roomId) ?? (await this.#heads.load(roomId))
      await this.#warm(head, [draft])
      const view = new HeadView(head)
      if (this.#heads.peek(roomId) === head && this.#isWarm(view, [draft])) return prepare(draft, view, this.#build)
    }
  }

  async receive(...[roomId, event, told]: Parameters<RoomWriter['receive']>): ReturnType<RoomWriter['receive']> {
    return await this.#remote.receive(roomId, event, told)
  }

  async storeOutliers(
    ...[roomId, version, events]: Parameters<RoomWriter['storeOutliers']>
  ): ReturnType<RoomWriter['storeOutliers']> {
    return await this.#remote.storeOutliers(roomId, version, events)
  }

  async adopt(entry: RoomEntry): Promise<SentEvent> {
    return await this.#remote.adopt(entry)
  }

  async complete(...[roomId, told]: Parameters<RoomWriter['complete']>): ReturnType<RoomWriter['complete']> {
    return await this.#remote.complete(roomId, told)
  }

  async backfill(...[roomId, events, told]: Parameters<RoomWriter['backfill']>): Promise<void> {
    await this.#remote.backfill(roomId, events, told)
  }

  async setOutOfBand(membership: OutOfBandMembership): Promise<SentEvent> {
    return await this.#remote.setOutOfBand(membership)
  }

  /** In room version 12 the room id is only known when the create event is. */
  #emptyHead(version: RoomVersion, creator: UserId, createdTs: number, create: EventDraft): RoomHead {
    const headOf = (roomId: RoomId): RoomHead =>
      new RoomHead(
        { roomId, creator, createdTs, extremities: [], stateGroup: undefined },
        version,
        new Map(),
        emptyStats(roomId),
      )
    if (!version.roomIdIsCreateHash)
      return headOf(`!${randomBytes(14).toString('base64url')}:${this.#parts.signer.serverName}`)
    const trial = build(create, new HeadView(headOf('!')), {
      ...this.#build,
      nextNid: () => 0,
      groups: new StateGroups(),
    })
    return headOf(trial.roomId)
  }

  async #commit(view: HeadView, built: readonly BuiltEvent[]): Promise<readonly SentEvent[]> {
    const { head } = view
    view.keep()
    this.#heads.set(head)
    const unit = {
      roomId: head.roomId,
      events: built,
      head: { room: head.toRow(), stats: head.stats },
      isPartial: this.#parts.partialRooms.has(head.roomId),
    }
    const stored = await this.#committer.commit(unit)
    for (const { eventId } of built) head.uncommitted.delete(eventId)
    return stored.map(({ eventId, row }) => ({ eventId, streamId: row.stream_id ?? 0 }))
  }

  async #warm(head: RoomHead, drafts: readonly EventDraft[]): Promise<void> {
    const view = new HeadView(head)
    const missing = missingFor(drafts, view, this.#parts.events)
    if (missing.length > 0) await this.#parts.events.list(missing)
    if (head.stateGroup !== undefined && drafts.some(isState)) {
      await this.#groups.warm(this.#parts.database, head.stateGroup)
    }
  }

  /** Redaction and relation targets may not exist; the events of the state must be there, and the group of a head that has moved. */
  #isWarm(view: HeadView, drafts: readonly EventDraft[]): boolean {
    const { stateGroup } = view
    if (stateGroup !== undefined && drafts.some(isState) && !this.#groups.isWarm(stateGroup)) return false
    return missingFor(drafts, view, this.#parts.events).every((id) => drafts.some((draft) => refersTo(draft, id)))
  }
}

function isState({ stateKey }: EventDraft): boolean {
  return stateKey !== undefined
}

function refersTo({ redacts, content }: EventDraft, id: EventId): boolean {
  const relation = content['m.relates_to'] as { event_id?: unknown } | undefined // looked at, not trusted
  return redacts === id || relation?.event_id === id
}
