/** History from before we were in a room, or that we missed: it gets places before the beginning of the stream. */
import { authStateOf } from '../../core/auth/verdict.ts'
import { referenceIds } from '../../core/event.ts'
import type { EventId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { eventStatus, insertEvents, redactEvent, StoredEvent } from '../../storage/events.ts'
import { insertRelations } from '../../storage/relations.ts'
import { insertStateGroups, type StateGroups } from '../../storage/state-groups.ts'
import { type BuiltEvent, redactionOf } from './build.ts'
import { buildArrival } from './build-arrival.ts'
import type { EventCache } from './event-cache.ts'
import { relationRow, storedEvent } from './event-rows.ts'
import type { RoomHead } from './head.ts'
import { judge } from './judge.ts'
import { authIds } from './known-events.ts'
import { relationOf } from './relation.ts'
import type { RemoteEvent, ToldState } from './remote-event.ts'
import { levelKeys, mayRedact, redactedBefore, redactedIdOf } from './remote-redactions.ts'
import type { StateForks } from './state-forks.ts'
import type { StateReader } from './state-reader.ts'
import { toldState } from './told-state.ts'
import { writeArrivals } from './write-arrivals.ts'

export interface BackfillingParts {
  readonly database: Database
  readonly events: EventCache
  readonly groups: StateGroups
  readonly reader: StateReader
  readonly forks: StateForks
  readonly nextNid: () => number
  readonly lowestStreamId: number
}

export class Backfilling {
  readonly #parts: BackfillingParts
  #lowest: number

  constructor(parts: BackfillingParts) {
    this.#parts = parts
    this.#lowest = parts.lowestStreamId
  }

  /** Events that nothing leads to, because neither parents nor `told` tell the state before them, are left out. */
  async store(head: RoomHead, events: readonly RemoteEvent[], told: ReadonlyMap<EventId, ToldState>): Promise<void> {
    const built: BuiltEvent[] = []
    try {
      // Whoever lies about depths may come before his parents, and is left out then.
      for (const event of events.toSorted((a, b) => a.pdu.depth - b.pdu.depth)) {
        const next = await this.#judged(head, event, told)
        if (!next) continue
        built.push(next)
        head.uncommitted.set(next.eventId, next)
      }
      if (built.length > 0) await this.#write(head, built)
    } finally {
      for (const { eventId } of built) head.uncommitted.delete(eventId)
    }
    await this.#redact(head, built)
  }

  async #judged(
    head: RoomHead,
    event: RemoteEvent,
    told: ReadonlyMap<EventId, ToldState>,
  ): Promise<BuiltEvent | undefined> {
    const { reader, forks, events } = this.#parts
    const { version, roomId } = head
    const parents = referenceIds(event.pdu.prev_events)
    const cited = authIds(event, version)
    const known = await reader.list(head, [event.eventId, ...parents, ...cited])
    const own = known.get(event.eventId)
    if (own?.stateGroup !== undefined || event.roomId !== roomId || !cited.every((id) => known.has(id)))
      return undefined
    const missing = parents.filter((id) => known.get(id)?.stateGroup === undefined)
    const stated = told.get(event.eventId)
    if (!stated && missing.length > 0) return undefined
    if (parents.length === 0 && event.pdu.type !== 'm.room.create') return undefined
    const groups = parents.flatMap((id) => known.get(id)?.stateGroup ?? [])
    const groupBefore = stated
      ? await forks.groupOf(roomId, await toldState(reader, head, roomId, stated), groups[0] ?? head.stateGroup)
      : parents.length > 0
        ? await forks.merge({ roomId, version, head }, groups)
        : undefined
    const { event: left, redactedBy } = await redactedBefore(reader, event, version)
    const judged = await judge(this.#parts, { head, version, own }, left, groupBefore)
    await reader.list(undefined, [relationOf(left.pdu.content)?.targetId ?? []].flat()) // so that it is in memory
    const status = judged.verdict.allowed ? eventStatus.accepted : eventStatus.rejected
    return buildArrival(events, version, left, judged, { status, changes: [], missingParents: missing, redactedBy })
  }

  async #write(head: RoomHead, built: readonly BuiltEvent[]): Promise<void> {
    const { database, events: cache, forks } = this.#parts
    const shown = built.filter(({ arrival }) => arrival?.status === eventStatus.accepted)
    let place = this.#lowest - shown.length
    this.#lowest = place
    const stored = built.map((event) => storedEvent(event, shown.includes(event) ? place++ : null, null))
    const made = forks.take(head.roomId)
    await database.transaction('store history', async (tx) => {
      await insertStateGroups(tx, [...made, ...built.flatMap(({ newGroup }) => newGroup ?? [])])
      await insertEvents(
        tx,
        stored.filter((_, index) => built[index]?.arrival?.isStored !== true).map(({ row }) => row),
      )
      await writeArrivals(tx, built, stored)
      await insertRelations(
        tx,
        stored.flatMap((event) => (event.row.stream_id === null ? [] : (relationRow(event) ?? []))),
      )
      tx.onCommit(() => {
        for (const event of stored) cache.put(event)
      })
    })
  }

  /** Applies the redactions among what is stored now. */
  async #redact(head: RoomHead, built: readonly BuiltEvent[]): Promise<void> {
    const { database, reader, events: cache } = this.#parts
    for (const event of built) {
      const targetId = redactedIdOf(event.pdu, head.version)
      if (targetId === undefined || event.arrival?.status !== eventStatus.accepted) continue
      const target = (await reader.list(head, [targetId])).get(targetId)?.stored
      const state = await reader.at(head, event.stateGroup, levelKeys(event))
      if (!target || !mayRedact(event, target, authStateOf(state), head.version)) continue
      const redaction = redactionOf(target, event.eventId, head.version)
      if (!redaction) continue
      await database.transaction('redact history', async (tx) => {
        await redactEvent(tx, redaction)
        tx.onCommit(() => {
          const { json, contentAt, contentLength, redactedBy } = redaction
          const text = { json, content_at: contentAt, content_length: contentLength }
          cache.put(new StoredEvent({ ...target.row, ...text, redacted_by: redactedBy }))
        })
      })
    }
  }
}
