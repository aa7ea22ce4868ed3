/** Takes events of other servers into their rooms: the remote half of the room writer. */
import { deny, type Verdict } from '../../core/auth/verdict.ts'
import { MatrixError } from '../../core/errors.ts'
import { referenceIds } from '../../core/event.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Database } from '../../storage/database.ts'
import { eventStatus, type EventStatus, type StoredEvent } from '../../storage/events.ts'
import type { StateGroups } from '../../storage/state-groups.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Arrival } from './arrival.ts'
import { Backfilling } from './backfill.ts'
import { buildArrival } from './build-arrival.ts'
import type { BuiltEvent } from './build.ts'
import type { Committer } from './commit.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomHead } from './head.ts'
import { completeRoom } from './completion.ts'
import { checkSoftly, type HeadMove, moveHead, statsAfterChanges } from './head-move.ts'
import type { Heads } from './heads.ts'
import { judge, type Judgement } from './judge.ts'
import type { PartialRooms } from './partial-rooms.ts'
import { authIds, type KnownEvent } from './known-events.ts'
import { storeOutliers } from './outliers.ts'
import type { Recommendations } from './recommendations.ts'
import { relationOf } from './relation.ts'
import type {
  OutOfBandMembership,
  PartialEntry,
  Receipt,
  RemoteEvent,
  RemoteEventWriter,
  RoomEntry,
  ToldState,
} from './remote-event.ts'
import { redactedBefore, redactionBy } from './remote-redactions.ts'
import { StateResolver } from './resolve-state.ts'
import { type EntryParts, outOfBand, planEntry } from './room-entry.ts'
import { StateForks } from './state-forks.ts'
import { StateReader } from './state-reader.ts'
import { toldState } from './told-state.ts'
import type { SentEvent } from './writer.ts'

export interface RemoteEventParts {
  readonly database: Database
  readonly events: EventCache
  readonly groups: StateGroups
  readonly heads: Heads
  readonly committer: Committer
  readonly recommendations: Recommendations
  readonly partialRooms: PartialRooms
  readonly streams: Streams
  readonly nextNid: () => number
  /** The lowest place of an event in the stream. */
  readonly lowestStreamId: number
}

/** A turn that is over; what it did may not be on disk yet. */
interface Turn<T> {
  readonly answer: T
  readonly committed?: Promise<unknown>
}

/** Turns wait for state resolution, at worst. */
const TURN_TIMEOUT_MS = 5 * 60_000
/** Tries after which senders wait until an event of another server has found its place. */
const PATIENCE = 2

export class RemoteEvents implements Omit<RemoteEventWriter, 'prepare'> {
  readonly #parts: RemoteEventParts
  readonly #reader: StateReader
  readonly #forks: StateForks
  readonly #backfilling: Backfilling
  /** One event at a time is placed in a room, in the order of the calls. */
  readonly #turns = new KeyedLock({ name: 'the turn of an event in', timeoutMs: TURN_TIMEOUT_MS })

  constructor(parts: RemoteEventParts) {
    this.#parts = parts
    this.#reader = new StateReader(parts)
    this.#forks = new StateForks({ ...parts, reader: this.#reader, resolver: new StateResolver() })
    this.#backfilling = new Backfilling({ ...parts, reader: this.#reader, forks: this.#forks })
  }

  /** Groups that were made on events which never got to the disk are given up. */
  forget(rooms: Iterable<RoomId>): void {
    this.#forks.forget(rooms)
  }

  async receive(roomId: RoomId, event: RemoteEvent, told?: ToldState): Promise<Receipt> {
    return await this.#inTurn(roomId, () => this.#receive(roomId, event, told))
  }

  /** Runs `work` while no event of another server comes into the room. */
  async alone<T>(roomId: RoomId, work: () => Promise<T>): Promise<T> {
    return await this.#turns.run(roomId, work)
  }

  async storeOutliers(
    roomId: RoomId,
    version: RoomVersion,
    events: readonly RemoteEvent[],
  ): Promise<ReadonlyMap<EventId, 'accepted' | 'rejected'>> {
    return await this.#inTurn(roomId, async () => {
      const head = await this.#parts.heads.find(roomId)
      return { answer: await storeOutliers(this.#parts, { head, version }, roomId, events) }
    })
  }

  async adopt(entry: RoomEntry): Promise<SentEvent> {
    return await this.#inTurn(entry.roomId, () => this.#adopt(entry))
  }

  async backfill(
    roomId: RoomId,
    events: readonly RemoteEvent[],
    told: ReadonlyMap<EventId, ToldState> = new Map(),
  ): Promise<void> {
    await this.#inTurn(roomId, async () => {
      if (this.#parts.partialRooms.has(roomId)) return { answer: undefined } // later
      const head = await this.#parts.heads.load(roomId)
      return { answer: await this.#backfilling.store(head, events, told) }
    })
  }

  async complete(roomId: RoomId, told: ReadonlyMap<EventId, ToldState>): Promise<ReadonlySet<UserId>> {
    return await this.#inTurn(roomId, async () => ({ answer: await this.#complete(roomId, told) }))
  }

  async setOutOfBand(membership: OutOfBandMembership): Promise<SentEvent> {
    return await this.#inTurn(membership.roomId, () => this.#setOutOfBand(membership))
  }

  async #inTurn<T>(roomId: RoomId, work: () => Promise<Turn<T>>): Promise<T> {
    const { answer, committed } = await this.#turns.run(roomId, async () => {
      try {
        return await work()
      } catch (error) {
        this.#forks.forget([roomId])
        throw error
      }
    })
    await committed
    return answer
  }

  async #receive(roomId: RoomId, event: RemoteEvent, told: ToldState | undefined): Promise<Turn<Receipt>> {
    const head = await this.#parts.heads.load(roomId)
    const parents = referenceIds(event.pdu.prev_events)
    const cited = authIds(event, head.version)
    const known = await this.#reader.list(head, [event.eventId, ...parents, ...cited])
    const own = known.get(event.eventId)
    if (own?.stateGroup !== undefined) return { answer: receiptOf(own) }
    if (parents.length === 0) return { answer: { status: 'rejected', reason: 'Nothing comes before the event' } }
    const missing = parents.filter((id) => known.get(id)?.stateGroup === undefined)
    if (missing.length > 0 && !told) return { answer: { status: 'missing', prevEvents: missing } }
    const unknown = cited.filter((id) => !known.has(id))
    if (unknown.length > 0) {
      return { answer: { status: 'missing-auth', authEvents: unknown, reason: 'Auth events are missing' } }
    }
    const room = { roomId, version: head.version, head }
    const toldGroup =
      told && (await this.#forks.groupOf(roomId, await toldState(this.#reader, head, roomId, told), head.stateGroup))
    const groups = parents.flatMap((id) => known.get(id)?.stateGroup ?? [])
    const groupBefore = await this.#forks.merge(room, toldGroup === undefined ? groups : [...groups, toldGroup])
    const redacted = await redactedBefore(this.#reader, event, head.version)
    const isPartial = this.#parts.partialRooms.has(roomId)
    const gap = { missingParents: missing, toldGroup: isPartial ? toldGroup : undefined }
    const place = { ...room, own, isPartial }
    const judged = await judge({ ...this.#parts, reader: this.#reader }, place, redacted.event, groupBefore)
    if (!judged.verdict.allowed) return await this.#place(roomId, redacted, judged, gap)
    const { event: recommended, objection } = await this.#recommended(head, redacted.event)
    return await this.#place(roomId, { ...redacted, event: recommended }, { ...judged, objection }, gap)
  }

  /** Sends of our own users may come in between whenever this waits, so it looks again until it was alone. */
  async #place(
    roomId: RoomId,
    { event, redactedBy }: { readonly event: RemoteEvent; readonly redactedBy: EventId | undefined },
    judged: Judgement & { readonly objection?: Verdict | undefined },
    gap: Pick<Arrival, 'missingParents' | 'toldGroup'>,
  ): Promise<Turn<Receipt>> {
    for (let tries = 1; ; tries++) {
      const head = await this.#parts.heads.load(roomId)
      using _pause = tries > PATIENCE ? head.pause() : undefined
      const seen = head.extremities
      const allowed = judged.verdict.allowed ? await checkSoftly(this.#reader, head, event, judged) : judged.verdict
      const softly = allowed.allowed ? (judged.objection ?? allowed) : allowed
      const move = softly.allowed
        ? await moveHead({ reader: this.#reader, forks: this.#forks }, head, event, judged)
        : { extremities: seen, stateGroup: head.stateGroup, changes: [] }
      const redaction = softly.allowed
        ? await redactionBy({ ...this.#parts, reader: this.#reader }, head, event, judged)
        : undefined
      await this.#reader.list(undefined, [relationOf(event.pdu.content)?.targetId ?? []].flat()) // so that it is in memory
      if (this.#parts.heads.peek(roomId) !== head || head.extremities !== seen) continue
      const status = !judged.verdict.allowed ? 'rejected' : softly.allowed ? 'accepted' : 'soft-failed'
      const arrival = {
        status: statusOf[status],
        changes: move.changes,
        ...gap,
        redactedBy,
        redactsLater: redaction?.later,
      }
      const built = buildArrival(this.#parts.events, head.version, event, judged, arrival, redaction?.now)
      const committed = this.#commit(head, built, move)
      return { answer: softly.allowed ? { status } : { status, reason: softly.reason }, committed }
    }
  }

  /** The event with what the room's policy server signed, or why it did not. */
  async #recommended(
    head: RoomHead,
    event: RemoteEvent,
  ): Promise<{ readonly event: RemoteEvent; readonly objection?: Verdict }> {
    try {
      return { event: await this.#parts.recommendations.of(head, event) }
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      return { event, objection: deny('policy', error.message) }
    }
  }

  #commit(
    head: RoomHead,
    built: BuiltEvent,
    { extremities, stateGroup, changes }: HeadMove,
    partial?: PartialEntry,
  ): Promise<readonly StoredEvent[]> {
    const { heads, committer, partialRooms } = this.#parts
    head.extremities = extremities
    head.stateGroup = stateGroup
    head.stats = statsAfterChanges(head.stats, changes)
    for (const { key, now } of changes) {
      if (now) head.state.set(key, { nid: now.nid, eventId: now.eventId })
      else head.state.delete(key)
    }
    head.uncommitted.set(built.eventId, built)
    heads.set(head)
    const unit = {
      roomId: head.roomId,
      events: [built],
      groups: this.#forks.take(head.roomId),
      head: { room: head.toRow(), stats: head.stats },
      isPartial: partialRooms.has(head.roomId),
      partial,
    }
    return committer.commit(unit).then((stored) => {
      head.uncommitted.delete(built.eventId)
      return stored
    })
  }

  async #adopt(entry: RoomEntry): Promise<Turn<SentEvent>> {
    const own = await this.#known(entry.event.eventId)
    if (own?.stateGroup !== undefined) return { answer: sentOf(own) }
    for (;;) {
      const { heads } = this.#parts
      const here = await heads.find(entry.roomId)
      using _pause = here?.pause() // there are users of ours in a room that is entered again to put its state right
      const { head, built, move } = await planEntry(this.#entryParts, entry, own)
      if (here && (head !== here || heads.peek(entry.roomId) !== here)) continue
      return { answer: sentBy(await this.#entered(head, built, move, entry.partial)) }
    }
  }

  async #entered(
    head: RoomHead,
    built: BuiltEvent,
    move: HeadMove,
    partial: PartialEntry | undefined,
  ): Promise<readonly StoredEvent[]> {
    const { partialRooms } = this.#parts
    const { roomId } = head
    const wasPartial = partialRooms.has(roomId)
    if (partial) partialRooms.begin(roomId, partial.servers)
    try {
      const stored = await this.#commit(head, built, move, partial)
      if (partial) partialRooms.begun(roomId)
      return stored
    } catch (error) {
      if (!wasPartial) partialRooms.abandon(roomId)
      throw error
    }
  }

  async #complete(roomId: RoomId, told: ReadonlyMap<EventId, ToldState>): Promise<ReadonlySet<UserId>> {
    const { heads, committer, partialRooms } = this.#parts
    if (!partialRooms.has(roomId)) return new Set()
    const head = await heads.load(roomId)
    using _pause = head.pause()
    try {
      await committer.settled(roomId)
      if (heads.peek(roomId) !== head) throw new Error('the head of a partial room was lost')
      return await completeRoom({ ...this.#parts, reader: this.#reader, forks: this.#forks }, head, told)
    } finally {
      heads.delete(roomId)
    }
  }

  async #setOutOfBand(membership: OutOfBandMembership): Promise<Turn<SentEvent>> {
    const own = await this.#known(membership.event.eventId)
    if (own && sentOf(own).streamId !== 0) return { answer: sentOf(own) }
    const built = outOfBand(this.#parts, membership, own)
    const unit = { roomId: membership.roomId, events: [built], groups: [], head: undefined }
    return { answer: sentBy(await this.#parts.committer.commit(unit)) }
  }

  async #known(eventId: EventId): Promise<KnownEvent | undefined> {
    return (await this.#reader.list(undefined, [eventId])).get(eventId)
  }

  get #entryParts(): EntryParts {
    return { ...this.#parts, reader: this.#reader, forks: this.#forks }
  }
}

const statusOf = {
  accepted: eventStatus.accepted,
  'soft-failed': eventStatus.softFailed,
  rejected: eventStatus.rejected,
} as const satisfies Record<string, EventStatus>

function receiptOf({ status }: KnownEvent): Receipt {
  if (status === eventStatus.rejected) return { status: 'rejected' }
  return { status: status === eventStatus.softFailed ? 'soft-failed' : 'accepted' }
}

function sentOf({ eventId, stored }: KnownEvent): SentEvent {
  return { eventId, streamId: stored?.row.stream_id ?? 0 }
}

function sentBy([stored]: readonly StoredEvent[]): SentEvent {
  if (!stored) throw new Error('an event was committed and is not stored')
  return { eventId: stored.eventId, streamId: stored.row.stream_id ?? 0 }
}
