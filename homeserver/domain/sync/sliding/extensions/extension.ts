/** What else than rooms a client can ask for. Each extension is a member of `extensions`, in the request and in the answer. */
import type { RoomId } from '../../../../core/ids.ts'
import type { RoomLists } from '../../room-lists.ts'
import type { Met } from '../../met.ts'
import { commaSeparated, type Span } from '../../span.ts'
import type { RoomAnswer } from '../joined-rooms.ts'
import type { AskedRoomExtension, SlidingRequest } from '../request.ts'
import type { Telling } from '../told.ts'

/** What an extension may look at. */
export interface Scene {
  readonly span: Span
  readonly request: SlidingRequest
  /** Joined rooms by the list that shows them, as far as they are in its window. */
  readonly windows: ReadonlyMap<string, readonly RoomId[]>
  /** Joined rooms that the client subscribes to. */
  readonly subscribed: readonly RoomId[]
  /** The joined rooms of this answer. */
  readonly answers: ReadonlyMap<RoomId, RoomAnswer>
  /** Those of them that the client did not follow until now. */
  readonly returning: ReadonlySet<RoomId>
  /** What changed in all the user's rooms. */
  readonly lists: RoomLists
  readonly met: Met
  readonly telling: Telling
}

export interface ExtensionAnswer {
  /** Undefined: the extension has no member in the answer. */
  readonly text: string | undefined
  /** Whether a client should not wait for it. */
  readonly hasNews: boolean
}

export interface Extension {
  /** As on the wire. */
  readonly name: string
  answer(scene: Scene): Promise<ExtensionAnswer>
}

export const nothingToSay: ExtensionAnswer = { text: undefined, hasNews: false }

/** The rooms that an extension is about. */
export function roomsOf({ windows, subscribed }: Scene, asked: AskedRoomExtension | undefined): ReadonlySet<RoomId> {
  if (!asked?.enabled) return new Set()
  const lists = asked.lists.includes('*') ? [...windows.values()] : asked.lists.map((name) => windows.get(name) ?? [])
  const all = asked.rooms.includes('*')
  return new Set([...lists.flat(), ...subscribed.filter((roomId) => all || asked.rooms.includes(roomId))])
}

/** `{"!room:a":…}` */
export function byRoom(texts: ReadonlyMap<RoomId, string>): string {
  return `{${commaSeparated(Array.from(texts, ([roomId, text]) => `${JSON.stringify(roomId)}:${text}`))}}`
}
