/** Runs state resolution: small ones at once, large ones in a thread, so that nobody waits behind them (T37). */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { IdentifiedPdu, StateKey } from '../../core/event.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import type { RoomVersion, RoomVersionId } from '../../core/room-version.ts'
import { resolveState } from '../../core/state/resolve.ts'
import { Slots } from '../../platform/slots.ts'

export interface ResolvableEvent extends IdentifiedPdu {
  readonly nid: number
  readonly json: string
  readonly isRejected: boolean
}

export interface Resolution {
  readonly version: RoomVersion
  readonly sets: readonly ReadonlyMap<StateKey, EventId>[]
  /** Events by id; undefined for those that are known not to be here. */
  readonly events: ReadonlyMap<EventId, ResolvableEvent | undefined>
  /** Stops at an event that is not in `events`, instead of taking it as not existing. */
  readonly isStrict: boolean
}

/** A resolution as a thread gets it. */
export interface ResolutionMessage {
  readonly version: RoomVersionId
  readonly sets: readonly (readonly (readonly [StateKey, EventId])[])[]
  readonly events: readonly (readonly [id: EventId, roomId: RoomId, json: string, isRejected: boolean])[]
  readonly absent: readonly EventId[]
  readonly isStrict: boolean
}

export type ResolutionAnswer =
  { readonly resolved: readonly (readonly [StateKey, EventId])[] } | { readonly missing: readonly EventId[] }

/** The resolution needs events that were not given to it. */
export class MissingEventsError extends Error {
  override name = 'MissingEventsError'
  readonly eventIds: readonly EventId[]

  constructor(eventIds: readonly EventId[]) {
    super('State resolution needs more events')
    this.eventIds = eventIds
  }
}

/** Events from which on a thread does it. */
const MANY_EVENTS = 500
const BUDGET_MS = 10_000
const program = fileURLToPath(new URL('./resolve-worker.ts', import.meta.url))

export class StateResolver {
  readonly #threads = new Slots({ perKey: 1, maxWaiting: 100 })

  /** Throws `MissingEventsError`, or `TimeoutError` for a resolution that does not come to an end. */
  async resolve(resolution: Resolution): Promise<ReadonlyMap<StateKey, EventId>> {
    if (resolution.events.size < MANY_EVENTS) return resolveHere(resolution)
    return await this.#threads.run('', () => resolveInThread(resolution))
  }
}

function resolveHere({ version, sets, events, isStrict }: Resolution): ReadonlyMap<StateKey, EventId> {
  const fetch = (id: EventId): ResolvableEvent | undefined => {
    if (isStrict && !events.has(id)) throw new MissingEventsError([id])
    return events.get(id)
  }
  const isRejected = (id: EventId): boolean => events.get(id)?.isRejected === true
  return resolveState(version, sets, fetch, { isRejected })
}

async function resolveInThread({ version, sets, events, isStrict }: Resolution): Promise<Map<StateKey, EventId>> {
  const known = [...events.values()].filter((event) => event !== undefined)
  const message: ResolutionMessage = {
    version: version.id,
    sets: sets.map((set) => [...set]),
    events: known.map(({ eventId, roomId, json, isRejected }) => [eventId, roomId, json, isRejected]),
    absent: [...events].flatMap(([id, event]) => (event ? [] : [id])),
    isStrict,
  }
  const worker = new Worker(program, { workerData: message })
  try {
    const [answer] = (await once(worker, 'message', { signal: AbortSignal.timeout(BUDGET_MS) })) as [ResolutionAnswer]
    if ('missing' in answer) throw new MissingEventsError(answer.missing)
    return new Map(answer.resolved)
  } finally {
    await worker.terminate()
  }
}
