/** What Telegram Desktop writes when it exports a chat as JSON: `result.json`, and files beside it. */
import { createReadStream } from 'node:fs'
import * as z from 'zod'
import { ExportError, parsed, refuse, splitExport } from './split.ts'

const text = z.string()
const count = z.int()
/** Seconds since 1970. */
const unixtime = z.string().regex(/^\d{1,11}$/)
const piece = z.looseObject({
  type: text,
  text,
  href: text.nullish(),
  user_id: z.int().nullish(),
  language: text.nullish(),
})
const words = z.union([text, z.array(z.union([text, piece]))])
/** `user5`, `channel7`, `chat9`; older programs wrote people as numbers. */
const peer = z.union([z.int().nonnegative(), z.string().regex(/^(?:user|channel|chat)?\d{1,15}$/)])

const exportedMessage = z.looseObject({
  id: z.int(),
  type: text,
  date: text,
  date_unixtime: unixtime.optional(),
  edited_unixtime: unixtime.optional(),
  from: text.nullish(),
  from_id: peer.nullish(),
  actor: text.nullish(),
  action: text.optional(),
  title: text.nullish(),
  members: z.array(text.nullable()).nullish(),
  text: words.optional(),
  text_entities: z.array(piece).optional(),
  reply_to_message_id: z.int().optional(),
  /** Where it answers a message of another chat. */
  reply_to_peer_id: text.optional(),
  forwarded_from: text.nullish(),
  via_bot: text.nullish(),
  author: text.nullish(),
  photo: text.optional(),
  photo_file_size: count.optional(),
  file: text.optional(),
  file_size: count.optional(),
  file_name: text.nullish(),
  thumbnail: text.nullish(),
  media_type: text.optional(),
  mime_type: text.optional(),
  sticker_emoji: text.optional(),
  duration_seconds: count.optional(),
  width: count.optional(),
  height: count.optional(),
  media_spoiler: z.boolean().optional(),
  contact_information: z.looseObject({ first_name: text, last_name: text, phone_number: text }).optional(),
  location_information: z.looseObject({ latitude: z.number(), longitude: z.number() }).optional(),
  place_name: text.optional(),
  address: text.optional(),
  poll: z
    .looseObject({
      question: text,
      closed: z.boolean(),
      answers: z.array(z.looseObject({ text, voters: count })),
    })
    .optional(),
})

export type ExportedMessage = z.infer<typeof exportedMessage>

const exportedChat = z.looseObject({
  name: text.nullish(),
  type: text,
  id: z.int().nonnegative(),
  /** Taken out one by one. */
  messages: z.array(z.unknown()).length(0),
})

export type ExportedChat = z.infer<typeof exportedChat>

/** Yields the messages in their order; returns what is said of the chat. Throws `ExportError` for what is no export. */
export async function* readExport(path: string): AsyncGenerator<ExportedMessage, ExportedChat> {
  const texts = splitExport(createReadStream(path))
  try {
    for (let place = 1; ; place++) {
      const next = await texts.next()
      const value = parsed(next.value)
      if (next.done === true) return exportedChat.safeParse(value).data ?? refuse(value)
      const { data, error } = exportedMessage.safeParse(value)
      if (data) yield data
      else throw new ExportError(`Message ${place} of the file: ${z.prettifyError(error)}`)
    }
  } finally {
    await texts.return('') // closes the file
  }
}

/** As the Bot API counts chats. https://core.telegram.org/api/bots/ids */
export function chatIdOf({ type, id }: ExportedChat): number {
  if (type.endsWith('supergroup') || type.endsWith('channel')) return -(1_000_000_000_000 + id)
  return type.endsWith('group') ? -id : id
}

/** Milliseconds since 1970. */
export function timeOf({ date, date_unixtime: seconds }: ExportedMessage): number {
  const time = seconds === undefined ? Date.parse(date) : Number(seconds) * 1000
  return Number.isSafeInteger(time) && time > 0 ? time : 0
}

/** The part of a ghost's name that says who it is. Undefined where the export does not say. */
export function speakerIdOf({ from_id: from }: ExportedMessage): string | undefined {
  const [, kind, digits] = /^(user|channel|chat)?(\d+)$/.exec(String(from ?? '')) ?? []
  if (digits === undefined) return undefined
  if (kind === 'channel') return `channel_${1_000_000_000_000 + Number(digits)}`
  return kind === 'chat' ? `channel_${Number(digits)}` : String(Number(digits))
}
