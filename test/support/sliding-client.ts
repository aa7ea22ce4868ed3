/** A client of sliding sync as the proposal describes one: it keeps rooms by what its answers tell, and its position with them. */
import type { RoomId, UserId } from '../../homeserver/core/ids.ts'
import type { AskedList, AskedRoom } from '../../homeserver/domain/sync/sliding/request.ts'
import type { SlidingSync } from '../../homeserver/domain/sync/sliding/sliding-sync.ts'
import { slidingAnswer } from './sliding.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

export interface ShownRoom {
  readonly kind: 'joined' | 'invited' | 'left'
  /** By type and state key: the ids of the events. */
  readonly state: Map<string, string>
  /** Ids of the latest events, without a gap. */
  timeline: string[]
  /** There may be events before these. */
  hasMore: boolean
  name: string | undefined
  joinedCount: number | undefined
}

export interface Asked {
  readonly list: AskedList
  readonly subscriptions?: Readonly<Record<RoomId, AskedRoom>>
}

export class SlidingClient {
  readonly userId: UserId
  readonly rooms = new Map<RoomId, ShownRoom>()
  pos: string | undefined

  constructor(userId: UserId) {
    this.userId = userId
  }

  /** Asks, and takes the answer; one that gets lost on its way changes nothing. */
  async sync(server: SlidingSync, asked: Asked, { lost = false } = {}): Promise<Json> {
    const text = await this.ask(server, asked)
    return lost ? slidingAnswer.parse(JSON.parse(text)) : this.take(text)
  }

  /** The answer as it comes. */
  async ask(server: SlidingSync, { list, subscriptions = {} }: Asked): Promise<string> {
    return await server.sync({
      who: {
        userId: this.userId,
        deviceId: 'DEVICE',
        sessionId: 'DEVICE',
        isGuest: false,
        isAdmin: false,
        isSuspended: false,
        appserviceId: undefined,
      },
      connId: '',
      pos: this.pos,
      txnId: undefined,
      lists: { all: list },
      subscriptions,
      extensions: {},
      timeoutMs: 0,
      setPresence: 'offline',
      signal: new AbortController().signal,
    })
  }

  take(text: string): Json {
    const answer = slidingAnswer.parse(JSON.parse(text))
    this.pos = answer.pos
    for (const [roomId, room] of Object.entries(answer.rooms as Json)) this.#take(roomId as RoomId, room as Json)
    return answer
  }

  #take(roomId: RoomId, room: Json): void {
    if (room['invite_state']) {
      this.rooms.set(roomId, { ...nothing(), kind: 'invited' })
      return
    }
    const known = this.rooms.get(roomId)
    const shown = room['initial'] || known?.kind !== 'joined' ? nothing() : known
    for (const { type, state_key: stateKey, event_id: eventId, content } of (room['required_state'] ?? []) as Json[]) {
      if (content === undefined) shown.state.delete(`${type} ${stateKey}`)
      else shown.state.set(`${type} ${stateKey}`, eventId as string)
      if (type === 'm.room.member' && stateKey === this.userId && content?.membership !== 'join') {
        this.rooms.set(roomId, { ...shown, kind: 'left' })
        return
      }
    }
    if (room['timeline']) {
      const ids = (room['timeline'] as Json[]).map((event) => String(event['event_id']))
      const isNew = room['initial'] || room['limited'] || room['unstable_expanded_timeline']
      shown.timeline = isNew ? ids : [...shown.timeline, ...ids]
      if (isNew) shown.hasMore = room['limited'] as boolean
    }
    if (room['joined_count'] !== undefined) {
      shown.joinedCount = room['joined_count'] as number
      shown.name = room['name'] as string | undefined
    }
    this.rooms.set(roomId, shown)
  }
}

function nothing(): ShownRoom {
  return { kind: 'joined', state: new Map(), timeline: [], hasMore: false, name: undefined, joinedCount: undefined }
}
