/**
 * What clients asked before there was /sync: everything at once, then event by event. Old bots and guests who look into
 * open rooms still do. Both are answers of /sync in another form.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events
 */
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { formatSyncToken, type SyncToken } from '../../core/token.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { RoomId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { isPublished } from '../../storage/directory.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Requester } from '../accounts/requester.ts'
import type { History, MessagesPage } from '../rooms/history.ts'
import type { Filters } from './filters.ts'
import type { Sync } from './v3.ts'

export interface OldSyncParts {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly clock: Clock
  readonly history: History
  readonly sync: Sync
  readonly filters: Filters
}

export interface Listening {
  readonly who: Requester
  /** Undefined for what comes from now on. */
  readonly from: SyncToken | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

interface Section {
  readonly events?: readonly JsonObject[]
}

interface SyncedRoom {
  readonly timeline?: Section & { readonly prev_batch?: string }
  readonly ephemeral?: Section
  readonly account_data?: Section
  readonly state_after?: Section
  readonly invite_state?: Section
}

/** The parts of an answer of /sync that are looked at here. */
interface Synced {
  readonly next_batch: string
  readonly account_data?: Section
  readonly presence?: Section
  readonly rooms?: Readonly<Partial<Record<'join' | 'leave' | 'invite', Readonly<Record<string, SyncedRoom>>>>>
}

/** Events of a room that somebody looks into, in one answer. */
const MAX_PEEKED = 100

export class OldSync {
  readonly #parts: OldSyncParts

  constructor(parts: OldSyncParts) {
    this.#parts = parts
  }

  /** The next events of all kinds; waits for some. */
  async events({ who, from = this.#parts.streams.positions(), timeoutMs, signal }: Listening): Promise<JsonObject> {
    const synced = await this.#ask({ who, since: from, filter: {}, timeoutMs, signal })
    const rooms = Object.entries({ ...synced.rooms?.join, ...synced.rooms?.leave })
    const chunk = [
      ...rooms.flatMap(([roomId, { timeline, ephemeral }]) => [
        ...inRoom(roomId, timeline),
        ...inRoom(roomId, ephemeral),
      ]),
      ...Object.entries(synced.rooms?.invite ?? {}).flatMap(([roomId, room]) => inRoom(roomId, room.invite_state)),
      ...(synced.presence?.events ?? []),
    ]
    return { start: formatSyncToken(from), end: synced.next_batch, chunk }
  }

  /** The next events of one room, also for who only may look into it. Throws `M_FORBIDDEN`. */
  async peek(roomId: RoomId, listening: Listening): Promise<{ start: SyncToken; end: SyncToken; page: MessagesPage }> {
    const { history, streams, clock, filters } = this.#parts
    const { who, from: start = streams.positions(), timeoutMs, signal } = listening
    const filter = (await filters.resolve(who.userId, undefined)).timeline
    const until = clock.monotonic() + timeoutMs
    for (;;) {
      const end = streams.positions()
      const range = { dir: 'f', from: { stream: start.events }, to: { stream: end.events }, limit: MAX_PEEKED } as const
      const read = new AbortController()
      const left = until - clock.monotonic()
      const changed = this.#change(roomId, left, AbortSignal.any([signal, read.signal])) // also while we read
      try {
        const page = await history.messages(who, roomId, await history.enter(who.userId, roomId), { ...range, filter })
        if (page.chunk.length > 0) return { start, end: page.end ? { ...end, events: page.end.stream } : end, page }
        if (!(await changed)) return { start, end, page }
      } finally {
        read.abort()
      }
    }
  }

  /** All rooms with their latest messages. `limit` is for each room. */
  async initial(
    who: Requester,
    { limit, archived, signal }: { limit: number; archived: boolean; signal: AbortSignal },
  ): Promise<JsonObject> {
    const filter = { room: { include_leave: archived, timeline: { limit } } }
    const synced = await this.#ask({ who, since: undefined, filter, timeoutMs: 0, signal })
    const { join = {}, leave = {}, invite = {} } = synced.rooms ?? {}
    const rooms = await Promise.all([
      ...Object.entries(join).map(([roomId, room]) => this.#room(roomId, 'join', room, synced.next_batch)),
      ...Object.entries(leave).map(([roomId, room]) => this.#room(roomId, 'leave', room, synced.next_batch)),
    ])
    const invites = Object.entries(invite).map(([roomId, { invite_state: state }]): JsonObject => {
      const own = inRoom(roomId, state).find(
        ({ type, state_key: key }) => type === 'm.room.member' && key === who.userId,
      )
      return { room_id: roomId, membership: 'invite', ...(own ? { invite: own } : {}) }
    })
    return {
      end: synced.next_batch,
      presence: [...(synced.presence?.events ?? [])],
      account_data: [...(synced.account_data?.events ?? [])],
      rooms: [...rooms, ...invites],
    }
  }

  async #room(roomId: string, membership: Json, room: SyncedRoom, end: string): Promise<JsonObject> {
    const { timeline, state_after: state, account_data: accountData } = room
    const isPublic = await isPublished(this.#parts.database, roomId as RoomId) // as /sync has it
    return {
      room_id: roomId,
      membership,
      messages: {
        ...(timeline?.prev_batch === undefined ? {} : { start: timeline.prev_batch }),
        end,
        chunk: inRoom(roomId, timeline),
      },
      state: inRoom(roomId, state),
      visibility: isPublic ? 'public' : 'private',
      account_data: [...(accountData?.events ?? [])],
    }
  }

  async #ask(request: {
    readonly who: Requester
    readonly since: SyncToken | undefined
    readonly filter: JsonObject
    readonly timeoutMs: number
    readonly signal: AbortSignal
  }): Promise<Synced> {
    const { sync, filters } = this.#parts
    const answer = await sync.sync({
      ...request,
      filter: await filters.resolve(request.who.userId, JSON.stringify(request.filter)),
      fullState: false,
      stateAfter: request.since ? undefined : 'state_after',
      setPresence: 'online',
    })
    const json = typeof answer === 'string' ? answer : await text(Readable.from(answer))
    return JSON.parse(json) as Synced // made by ourselves
  }

  /** False when the time is up without news of the room. */
  #change(roomId: RoomId, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const { bus, clock } = this.#parts
    if (timeoutMs <= 0) return Promise.resolve(false)
    return new Promise((resolve) => {
      const end = (hasNews: boolean) => (): void => {
        leave()
        cancel()
        signal.removeEventListener('abort', onAbort)
        resolve(hasNews)
      }
      const onAbort = end(false)
      const cancel = clock.after(timeoutMs, end(false))
      const leave = bus.subscribe(({ stream, keys }) => {
        if (stream === 'events' && keys.rooms?.includes(roomId)) end(true)()
      })
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
    })
  }
}

/** Answers of /sync leave out what their place says. */
function inRoom(roomId: string, section: Section | undefined): JsonObject[] {
  return (section?.events ?? []).map((event) => ({ ...event, room_id: roomId }))
}
