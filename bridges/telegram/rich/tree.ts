/** What a rich message is read into: elements of HTML, with texts in them as other messages have them. */
import type { Message, MessageEntity } from 'node-telegram-bot-api'

export interface Words {
  readonly text: string
  readonly entities: readonly MessageEntity[]
}

export interface Element {
  readonly tag: string
  readonly inner: readonly Node[]
  /** Such as `start="3"`; nothing of what people write. */
  readonly attribute?: string
  /** What stands before it where there is no HTML. */
  readonly lead?: string
  /** What stands before it in any case; no HTML. */
  readonly box?: string
}

export type Node = Element | Words

export interface Rich {
  readonly nodes: readonly Node[]
  /** Whether anything is written in it. */
  readonly hasText: boolean
  /** As members of messages: each is an event of its own. */
  readonly media: readonly Partial<Message>[]
}

/** All texts in it. */
export const wordsIn = (nodes: readonly Node[]): Words[] =>
  nodes.flatMap((node) => ('tag' in node ? wordsIn(node.inner) : [node]))
