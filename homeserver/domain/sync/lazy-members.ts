/** Which members each session has been told of, so that lazy loading does not repeat them. https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members */
import type { RoomId } from '../../core/ids.ts'
import { Lru } from '../../platform/lru.ts'
import { sinceOf, type Span } from './span.ts'

interface Told {
  readonly nid: number
  /** The position of the answer that told it: a client that comes back with an earlier one may not have got it. */
  readonly at: number
}

const MAX_SESSIONS = 5_000
const MAX_MEMBERS = 200

export class LazyMembers {
  readonly #sessions = new Lru<string, Lru<string, Told>>(MAX_SESSIONS)

  /** Whether the client has got this member event of a room. If not, it is told from now on. */
  knows(span: Span, roomId: RoomId, userId: string | null, nid: number): boolean {
    if (span.filter.state.includeRedundantMembers) return false
    const told = this.#toldTo(span.listener ?? span.who.sessionId)
    const key = `${roomId} ${userId}`
    const before = told.get(key)
    if (before?.nid === nid && before.at <= sinceOf(span, 'events')) return true
    told.set(key, { nid, at: span.upto.events })
    return false
  }

  #toldTo(listener: string): Lru<string, Told> {
    const known = this.#sessions.get(listener)
    if (known) return known
    const told = new Lru<string, Told>(MAX_MEMBERS)
    this.#sessions.set(listener, told)
    return told
  }
}
