/** Syncs of rooms alone: what belongs to users and devices is empty. For tests of the rooms in an answer. */
import type { RoomId, UserId } from '../../homeserver/core/ids.ts'
import { parseSyncToken, type SyncToken } from '../../homeserver/core/token.ts'
import { ClientEvents } from '../../homeserver/domain/rooms/client-event.ts'
import { Visibility } from '../../homeserver/domain/rooms/visibility.ts'
import { openSync, type SyncServices } from '../../homeserver/domain/sync/open-sync.ts'
import type { StateAfterKey } from '../../homeserver/domain/sync/span.ts'
import type { Bus } from '../../homeserver/platform/bus.ts'
import type { Heart } from './heart.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

export interface SyncOptions {
  readonly since?: SyncToken | undefined
  readonly filter?: object
  readonly stateAfter?: StateAfterKey
  readonly timeoutMs?: number
}

export interface Syncing {
  readonly services: SyncServices
  sync(userId: UserId, options?: SyncOptions): Promise<{ readonly body: Json; readonly next: SyncToken }>
}

/** `bus` is the heart's own unless another one is given. */
export function syncing(heart: Heart, bus: Bus = heart.bus): Syncing {
  const { database, streams, clock, events, members, partialRooms } = heart
  const ignored = { of: () => Promise.resolve(new Set<string>()) }
  const services = openSync({
    database,
    bus,
    streams,
    clock,
    events,
    members,
    partialRooms,
    ignored,
    visibility: new Visibility({ database, bus, events, members }),
    clientEvents: new ClientEvents({ events, clock }),
    toDevice: { list: () => Promise.resolve([]), acknowledge: () => Promise.resolve() },
    deviceLists: { changes: () => Promise.resolve({ changed: [], left: [] }) },
    oneTimeKeys: { left: () => Promise.resolve({ counts: {}, unusedFallbacks: [] }) },
    typing: { typersSince: () => undefined },
    presence: {
      beginSync: () => () => undefined,
      shown: () => Promise.resolve(),
      listSince: () => Promise.resolve([]),
      listPresent: () => Promise.resolve([]),
      contentOf: () => ({}),
    },
    unreadCounts: { of: () => Promise.resolve(new Map()) },
    pushRules: { rulesOf: () => Promise.resolve({ ruleset: {} }) },
    threadSubscriptions: { list: () => Promise.resolve([]) },
    stickyEvents: { list: () => Promise.resolve([]) },
  })
  return {
    services,
    async sync(userId, { since, filter = {}, stateAfter, timeoutMs = 0 } = {}) {
      const compiled = await services.filters.resolve(userId, JSON.stringify(filter))
      const text = await services.sync.sync({
        who: {
          userId,
          deviceId: 'DEVICE',
          sessionId: `session of ${userId}`,
          isGuest: false,
          isAdmin: false,
          isSuspended: false,
          appserviceId: undefined,
        },
        since,
        filter: compiled,
        fullState: false,
        stateAfter,
        setPresence: 'offline',
        timeoutMs,
        signal: new AbortController().signal,
      })
      const body = JSON.parse(typeof text === 'string' ? text : await whole(text)) as Json
      const next = parseSyncToken(body['next_batch'] as string)
      if (!next) throw new Error('next_batch is no token')
      return { body, next }
    },
  }
}

async function whole(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  return text
}

/** A client as the specification describes one: it keeps rooms by what its syncs tell. */
export class SyncedClient {
  readonly userId: UserId
  /** By room, then by type and state key: the event ids of the state. */
  readonly state = new Map<RoomId, Map<string, string>>()
  readonly timeline = new Map<RoomId, string[]>()
  readonly #syncing: Syncing
  readonly #options: SyncOptions
  #since: SyncToken | undefined

  constructor(syncing: Syncing, userId: UserId, options: SyncOptions = {}) {
    this.#syncing = syncing
    this.userId = userId
    this.#options = options
  }

  get since(): SyncToken | undefined {
    return this.#since
  }

  async sync(timeoutMs = 0): Promise<void> {
    const { body, next } = await this.#syncing.sync(this.userId, { ...this.#options, since: this.#since, timeoutMs })
    this.#since = next
    for (const [roomId, room] of Object.entries((body['rooms']?.join ?? {}) as Json)) {
      this.#take(roomId as RoomId, room as Json)
    }
    for (const roomId of Object.keys((body['rooms']?.leave ?? {}) as Json) as RoomId[]) {
      this.state.delete(roomId)
      this.timeline.delete(roomId)
    }
  }

  #take(roomId: RoomId, room: Json): void {
    const state = this.state.get(roomId) ?? new Map<string, string>()
    const { stateAfter } = this.#options
    const changes = stateAfter ? room[stateAfter].events : [...room['state'].events, ...room['timeline'].events]
    for (const event of changes as Json[]) {
      if (event['state_key'] !== undefined) state.set(`${event['type']} ${event['state_key']}`, event['event_id'])
    }
    this.state.set(roomId, state)
    const ids = (room['timeline'].events as Json[]).map((event) => String(event['event_id']))
    const before = room['timeline'].limited ? [] : (this.timeline.get(roomId) ?? [])
    this.timeline.set(roomId, [...before, ...ids])
  }
}
