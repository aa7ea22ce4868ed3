import { isJsonObject } from '../canonical-json.ts'
import type { Json, JsonObject } from '../event.ts'
import type { UserId } from '../ids.ts'
import { valueAt } from '../property-path.ts'

/** What rules ask about the room, the same for all its members. */
export interface RoomFacts {
  /** Joined members. */
  readonly memberCount: number
  readonly senderPowerLevel: number
  /** `notifications` of the power levels. */
  readonly notificationLevels: JsonObject
}

/** What rules ask about the user whose rules they are. */
export interface PushUser {
  readonly userId: UserId
  /** In the room. */
  readonly displayName: string | undefined
  /** Whether he is subscribed to the thread that the event is in; undefined where that does not matter. */
  readonly followsThread?: boolean | undefined
}

/** A property that rules look at. */
export interface Property {
  /** As rules name it: `content.body`. */
  readonly key: string
  readonly path: readonly string[]
}

/** An event made ready for the rules of many users: what one of them looked up is there for the next. */
export class PushEvent {
  readonly room: RoomFacts
  readonly roomId: string
  readonly sender: string
  /** Whether the sender says who is mentioned, so that nobody need search the body. */
  readonly hasMentions: boolean
  readonly #event: JsonObject
  /** By key; null for a property that is no text. */
  readonly #texts = new Map<string, string | null>()

  /** `event` with its `room_id`. */
  constructor(event: JsonObject, room: RoomFacts) {
    const { room_id: roomId, sender, content } = event
    this.#event = event
    this.room = room
    this.roomId = typeof roomId === 'string' ? roomId : ''
    this.sender = typeof sender === 'string' ? sender : ''
    this.hasMentions = isJsonObject(content) && Object.hasOwn(content, 'm.mentions')
  }

  value({ path }: Property): Json | undefined {
    return valueAt(this.#event, path)
  }

  /** A text in lower case, as globs compare it; undefined if the property is no text. */
  text({ key, path }: Property): string | undefined {
    const known = this.#texts.get(key)
    if (known !== undefined) return known ?? undefined
    const value = valueAt(this.#event, path)
    const text = typeof value === 'string' ? value.toLowerCase() : undefined
    this.#texts.set(key, text ?? null)
    return text
  }
}
