/** Which members each session has been told of, so that lazy loading does not repeat them. https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members */
import type { RoomId } from '../../core/ids.ts'
import { Lru } from '../../platform/lru.ts'
import type { Span } from './span.ts'

/** Where a client is, by what it asks with. */
interface Place {
  readonly events: number
  readonly told: number
}

interface Told {
  readonly nid: number
  /** The position of the answer that told it: a client that comes back with an earlier one may not have got it. */
  readonly at: number
  /** Where the client was then. If it still is, the answer was lost. */
  readonly from: Place
}

const MAX_SESSIONS = 5_000
const MAX_MEMBERS = 200

export class LazyMembers {
  readonly #sessions = new Lru<string, Lru<string, Told>>(MAX_SESSIONS)

  /** Whether the client has got this member event of a room. If not, it is told from now on. */
  knows(span: Span, roomId: RoomId, userId: string | null, nid: number): boolean {
    if (span.filter.state.includeRedundantMembers) return false
    const told = this.#toldTo(listenerOf(span))
    const key = `${roomId} ${userId}`
    const before = told.get(key)
    const place = placeOf(span)
    if (before?.nid === nid && isBehind(before, place)) return true
    told.set(key, { nid, at: span.upto.events, from: place })
    return false
  }

  /** What answers told that the client cannot have got, or has forgotten since, is unknown to it again. */
  comesBack(span: Span): void {
    const place = placeOf(span)
    this.#sessions.get(listenerOf(span))?.deleteWhere((told) => !isBehind(told, place))
  }

  #toldTo(listener: string): Lru<string, Told> {
    const known = this.#sessions.get(listener)
    if (known) return known
    const told = new Lru<string, Told>(MAX_MEMBERS)
    this.#sessions.set(listener, told)
    return told
  }
}

function listenerOf({ listener, who }: Span): string {
  return listener ?? who.sessionId
}

function placeOf({ since, told = 0 }: Span): Place {
  return { events: since?.events ?? -1, told }
}

function isBehind({ at, from }: Told, { events, told }: Place): boolean {
  return at <= events && (from.events < events || from.told < told)
}
