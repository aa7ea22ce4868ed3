/**
 * Remembers the calls of rooms: when they were, and who was in them from when to when. What it hears, by events or from the
 * SFU, only makes it look: it compares whom the room shows and whom the SFU has with whom it believed to be there. So what
 * it did not hear, because the server was away or a webhook got lost, is found at the next look.
 */
import { randomBytes } from 'node:crypto'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'
import {
  addCall,
  type CallPlace,
  type CallQuery,
  type CallRow,
  endCall,
  findLastStay,
  forgetSfu,
  listCalls,
  listOpenCalls,
  listRoomsWithCalls,
  listStays,
  listStaysOf,
  type OwnStay,
  removeCallsBefore,
  removeStaysOf,
  setStay,
  type StayRow,
} from '../../storage/call-history.ts'
import { findCallRoom, listIdentitiesIn } from '../../storage/calls.ts'
import type { Database, Tx } from '../../storage/database.ts'
import type { Departure } from '../accounts/hooks.ts'
import type { Members } from '../rooms/members.ts'
import { newsOf } from '../rooms/news.ts'
import type { StickyEvents } from '../rooms/sticky-events.ts'
import { CallFigures } from './call-figures.ts'
import { callMemberTypes, type ShownMember, shownMembers } from './call-members.ts'
import { type Sfu, SfuError, type SfuParticipant } from './sfu.ts'
import { arrival, begun, continued, endOf, type Facts, LOOK_EVERY_MS } from './stays.ts'
import type { SfuEvent } from './webhook.ts'

export type { CallPlace }

const PRUNE_EVERY_MS = 3_600_000

interface PastCall extends CallRow {
  readonly stays: readonly StayRow[]
}

export interface CallPage {
  readonly calls: readonly PastCall[]
  /** After which to go on, if there is more. */
  readonly next: CallPlace | undefined
}

/** Whom the SFU has in a slot of a room. */
interface SfuView {
  readonly slotId: string
  readonly users: ReadonlySet<UserId>
  /** Who has gone just now, and in its words why. */
  readonly gone?: { readonly userId: UserId; readonly reason: string | undefined } | undefined
}

interface CallHistoryParts {
  readonly database: Database
  readonly clock: Clock
  readonly background: Background
  readonly bus: Bus
  readonly metrics: Metrics
  readonly members: Members
  readonly stickyEvents: Pick<StickyEvents, 'list'>
  /** Undefined where there is none. */
  readonly sfu: Sfu | undefined
  /** Milliseconds; undefined: for good. */
  readonly keep: number | undefined
}

export class CallHistory implements Departure, Service {
  readonly name = 'call history'
  readonly #parts: CallHistoryParts
  readonly #figures: CallFigures
  readonly #turns = new KeyedLock({ name: 'call history of' })
  /** Rooms in which a call goes on. */
  readonly #live = new Set<RoomId>()
  /** Rooms that will be looked at soon. */
  readonly #due = new Set<RoomId>()
  #working: Promise<unknown> = Promise.resolve()

  constructor(parts: CallHistoryParts) {
    this.#parts = parts
    this.#figures = new CallFigures(parts.metrics, () => this.#live.size)
    parts.bus.subscribe((bell) => this.#heard(bell))
  }

  async start(signal: AbortSignal): Promise<void> {
    const { database, clock, sfu } = this.#parts
    if (!sfu) await database.transaction('forget the SFU', forgetSfu)
    for (const roomId of await listRoomsWithCalls(database)) this.#live.add(roomId)
    await this.look()
    this.#working = Promise.all([
      clock.every(LOOK_EVERY_MS, this.name, () => this.look(), signal),
      clock.every(PRUNE_EVERY_MS, 'old calls', () => this.prune(), signal),
    ])
  }

  async stop(): Promise<void> {
    await this.#working
  }

  /** Looks at every room in which a call goes on; done from time to time of itself. */
  async look(): Promise<void> {
    for (const roomId of new Set([...this.#live, ...this.#due])) await this.#compare(roomId)
  }

  /** The newest first. */
  async list(query: CallQuery): Promise<CallPage> {
    const { database } = this.#parts
    const found = await listCalls(database, { ...query, limit: query.limit + 1 })
    const calls = found.slice(0, query.limit)
    const stays = Object.groupBy(
      await listStays(
        database,
        calls.map((call) => call.call_id),
      ),
      (stay) => stay.call_id,
    )
    const last = found.length > calls.length ? calls.at(-1) : undefined
    return {
      calls: calls.map((call) => ({ ...call, stays: stays[call.call_id] ?? [] })),
      next: last && { startedTs: last.started_ts, callId: last.call_id },
    }
  }

  /** When a user was in calls, and in which rooms: for a copy of what is kept of them. */
  async staysOf(userId: UserId): Promise<OwnStay[]> {
    return await listStaysOf(this.#parts.database, userId)
  }

  /** When the calls of a room that go on began, by their slots. */
  async begunIn(roomId: RoomId): Promise<ReadonlyMap<string, number>> {
    const calls = await listOpenCalls(this.#parts.database, roomId)
    return new Map(calls.map(({ slot_id: slotId, started_ts: startedTs }) => [slotId, startedTs]))
  }

  /** Takes what a webhook tells. */
  async took({ event, room, participant }: SfuEvent): Promise<void> {
    const { sfu } = this.#parts
    this.#figures.told(event)
    if (!sfu || !room || !participant) return
    const isGone = event === 'participant_left'
    if (!isGone && event !== 'participant_joined') return
    const there = await sfu.participants(room.name).catch((error: unknown) => {
      if (!(error instanceof SfuError)) throw error
      return undefined // the next look finds it
    })
    if (!there) return
    if (isGone)
      await this.watched(
        room.name,
        there.filter(({ sid }) => sid !== participant.sid),
        participant,
      )
    else await this.watched(room.name, there)
  }

  /** Takes who is in a room of the SFU; `gone` is who left it just now. */
  async watched(
    sfuRoom: string,
    participants: readonly SfuParticipant[],
    gone?: SfuEvent['participant'],
  ): Promise<void> {
    const { database } = this.#parts
    const room = await findCallRoom(database, sfuRoom)
    if (!room || (participants.length === 0 && !this.#live.has(room.room_id))) return
    const known = new Map((await listIdentitiesIn(database, sfuRoom)).map((row) => [row.identity, row.user_id]))
    const users = participants.map(({ identity }) => known.get(identity)).filter((userId) => userId !== undefined)
    const userId = gone && known.get(gone.identity)
    await this.#compare(room.room_id, {
      slotId: room.slot_id,
      users: new Set(users),
      gone: userId && { userId, reason: gone?.disconnectReason },
    })
  }

  /** Who is forgotten was in no call. */
  async leave(userId: UserId, { erase }: { erase: boolean }): Promise<void> {
    if (erase) await this.#parts.database.transaction('erase calls of a user', (tx) => removeStaysOf(tx, userId))
  }

  #heard(bell: Bell): void {
    const news = newsOf(bell)
    if (!news) return
    for (const { row, roomId } of news.events) if (callMemberTypes.has(row.type)) this.#lookSoon(roomId)
    for (const { room_id: roomId, membership } of news.memberships) {
      if (membership !== 'join' && this.#live.has(roomId)) this.#lookSoon(roomId)
    }
  }

  #lookSoon(roomId: RoomId): void {
    if (this.#due.has(roomId)) return
    this.#due.add(roomId)
    this.#parts.background.run('who is in a call', async () => {
      await this.#compare(roomId)
    })
  }

  /** Forgets what is too old; done from time to time of itself. */
  async prune(): Promise<void> {
    const { database, clock, keep } = this.#parts
    if (keep !== undefined)
      await database.transaction('forget calls', (tx) => removeCallsBefore(tx, clock.now() - keep))
  }

  /** Where the SFU was not looked at, those are there who were there before. */
  async #compare(roomId: RoomId, view?: SfuView): Promise<void> {
    const { database } = this.#parts
    this.#due.delete(roomId)
    await this.#turns.run(roomId, async () => {
      const shown = Map.groupBy(await shownMembers(this.#parts, roomId), ({ slotId }) => slotId)
      await database.transaction('who is in a call', async (tx) => {
        const calls = new Map((await listOpenCalls(tx, roomId)).map((call) => [call.slot_id, call]))
        let live = 0
        for (const slotId of new Set([...calls.keys(), ...shown.keys(), ...(view ? [view.slotId] : [])])) {
          const seen = view?.slotId === slotId ? view : undefined
          const slot = { roomId, slotId, call: calls.get(slotId), shown: shown.get(slotId) ?? [], seen }
          if (await this.#compareSlot(tx, slot)) live++
        }
        tx.onCommit(() => void (live > 0 ? this.#live.add(roomId) : this.#live.delete(roomId)))
      })
    })
  }

  /** Whether there is a call in it afterwards. */
  async #compareSlot(tx: Tx, { roomId, slotId, call: known, shown, seen }: Slot): Promise<boolean> {
    const { clock, members } = this.#parts
    const now = clock.now()
    const before = known ? await listStays(tx, [known.call_id]) : []
    const lasting = new Map(shown.toSorted((one, other) => one.until - other.until).map((one) => [one.userId, one]))
    const last = new Map(before.map((stay) => [stay.user_id, stay]))
    let call = known
    const changed: StayRow[] = []
    for (const userId of new Set([...last.keys(), ...lasting.keys(), ...(seen?.users ?? [])])) {
      const facts: Facts = {
        now,
        isLocal: members.isLocal(userId),
        shown: lasting.get(userId),
        isAtSfu: seen?.users.has(userId),
        gone: seen?.gone?.userId === userId ? seen.gone : undefined,
      }
      const stay = last.get(userId)
      if (stay?.left_ts === null) {
        changed.push(continued(stay, facts))
        continue
      }
      const joinedTs = arrival(stay ?? (await findLastStay(tx, { roomId, slotId, userId })), facts)
      if (joinedTs === undefined) continue
      call ??= await this.#begin(tx, { roomId, slotId, startedTs: joinedTs })
      changed.push(begun({ callId: call.call_id, userId, joinedTs }, stay, facts))
    }
    for (const stay of changed) await setStay(tx, stay)
    return call !== undefined && !(await this.#isOver(tx, call, now))
  }

  async #begin(
    tx: Tx,
    { roomId, slotId, startedTs }: { roomId: RoomId; slotId: string; startedTs: number },
  ): Promise<CallRow> {
    const id = randomBytes(12).toString('base64url')
    const call = { call_id: id, room_id: roomId, slot_id: slotId, started_ts: startedTs, ended_ts: null }
    await addCall(tx, call)
    tx.onCommit(() => this.#figures.started())
    return call
  }

  async #isOver(tx: Tx, { call_id: callId }: CallRow, now: number): Promise<boolean> {
    const stays = await listStays(tx, [callId])
    const endedTs = endOf(stays, now)
    if (endedTs === undefined) return false
    await endCall(tx, callId, endedTs)
    tx.onCommit(() => this.#figures.ended(stays))
    return true
  }
}

interface Slot {
  readonly roomId: RoomId
  readonly slotId: string
  /** The one that goes on. */
  readonly call: CallRow | undefined
  readonly shown: readonly ShownMember[]
  /** Undefined where the SFU was not looked at. */
  readonly seen: SfuView | undefined
}
