/** What of an update is relied on; members that Telegram adds go through. https://core.telegram.org/bots/api#update */
import type { Message, Update } from 'node-telegram-bot-api'
import * as z from 'zod'
import type { Content } from '../appservice/event.ts'
import { objectOf } from '../appservice/json.ts'
import { OddError } from './odd.ts'

const text = z.string()
const id = z.int()
const user = z.looseObject({
  id,
  first_name: text,
  last_name: text.optional(),
  username: text.optional(),
  language_code: text.optional(),
})
const chat = z.looseObject({ id, type: z.string(), title: text.optional(), username: text.optional() })
const entity = z.looseObject({
  type: text,
  offset: z.int(),
  length: z.int(),
  url: text.optional(),
  custom_emoji_id: text.optional(),
})
const file = z.looseObject({ file_id: text, file_unique_id: text, file_size: z.number().optional() })
const picture = file.extend({ width: z.number(), height: z.number() })
const named = file.extend({ file_name: text.optional(), mime_type: text.optional(), thumbnail: picture.optional() })
const sized = named.extend({ width: z.number(), height: z.number() })
const topic = z.looseObject({ name: text.optional() })

const origin = z.looseObject({
  sender_user: user.optional(),
  sender_user_name: text.optional(),
  sender_chat: chat.optional(),
  chat: chat.optional(),
  message_id: id.optional(),
})
const linked = z.looseObject({ message_id: id })
const message = z.looseObject({
  message_id: id,
  date: z.int(),
  chat,
  from: user.optional(),
  sender_chat: chat.optional(),
  edit_date: z.int().optional(),
  message_thread_id: id.optional(),
  text: text.optional(),
  entities: z.array(entity.extend({ user: user.optional() })).optional(),
  caption: text.optional(),
  caption_entities: z.array(entity.extend({ user: user.optional() })).optional(),
  reply_to_message: linked.extend({ from: user.optional(), forum_topic_created: topic.optional() }).optional(),
  pinned_message: linked.optional(),
  quote: z.looseObject({ text }).optional(),
  external_reply: z.looseObject({ origin, chat: chat.optional(), message_id: id.optional() }).optional(),
  via_bot: user.optional(),
  author_signature: text.optional(),
  sender_tag: text.optional(),
  media_group_id: text.optional(),
  rich_message: z.looseObject({ blocks: z.array(z.unknown()) }).optional(),
  live_photo: sized.extend({ duration: z.number(), photo: z.array(sized).optional() }).optional(),
  photo: z.array(sized).optional(),
  new_chat_photo: z.array(sized).optional(),
  video: sized.extend({ duration: z.number() }).optional(),
  animation: sized.extend({ duration: z.number() }).optional(),
  video_note: file.extend({ length: z.number(), duration: z.number(), thumbnail: picture.optional() }).optional(),
  voice: named.extend({ duration: z.number() }).optional(),
  audio: named.extend({ duration: z.number() }).optional(),
  document: named.optional(),
  sticker: sized.extend({ emoji: text.optional() }).optional(),
  location: z
    .looseObject({ latitude: z.number(), longitude: z.number(), live_period: z.number().optional() })
    .optional(),
  venue: z.looseObject({ title: text, address: text }).optional(),
  poll: z.looseObject({ id: text.optional(), question: text, options: z.array(z.looseObject({ text })) }).optional(),
  dice: z.looseObject({ emoji: text, value: z.number() }).optional(),
  contact: z
    .looseObject({ first_name: text, last_name: text.optional(), phone_number: text, vcard: text.optional() })
    .optional(),
  forward_origin: origin.optional(),
  new_chat_members: z.array(user).optional(),
  left_chat_member: user.optional(),
  new_chat_title: text.optional(),
  migrate_to_chat_id: id.optional(),
  migrate_from_chat_id: id.optional(),
  forum_topic_created: topic.optional(),
  forum_topic_edited: topic.optional(),
})

const medium = message.pick({
  photo: true,
  live_photo: true,
  video: true,
  animation: true,
  audio: true,
  voice: true,
  document: true,
  location: true,
})

/** What of a message holds a file or place, if it is of the form that these have: `members` has one of them, by its name. */
export function mediaOf(members: Content): Partial<Message> | undefined {
  const [[kind, value] = []] = Object.entries(members)
  const isKnown = kind !== undefined && value !== undefined && kind in medium.shape
  return isKnown && medium.safeParse(members).success ? members : undefined
}

const reaction = z.looseObject({ type: z.string(), emoji: text.optional(), custom_emoji_id: text.optional() })
const membership = z.looseObject({ chat, date: z.int(), new_chat_member: z.looseObject({ status: z.string(), user }) })

const update = z.looseObject({
  update_id: id,
  message: message.optional(),
  channel_post: message.optional(),
  edited_message: message.optional(),
  edited_channel_post: message.optional(),
  message_reaction: z
    .looseObject({
      chat,
      message_id: id,
      date: z.int(),
      user: user.optional(),
      actor_chat: chat.optional(),
      old_reaction: z.array(reaction),
      new_reaction: z.array(reaction),
    })
    .optional(),
  message_reaction_count: z
    .looseObject({
      chat,
      message_id: id,
      date: z.int(),
      reactions: z.array(z.looseObject({ type: reaction, total_count: z.int() })),
    })
    .optional(),
  my_chat_member: membership.optional(),
  chat_member: membership.optional(),
  poll: z.looseObject({ id: text, question: text, options: z.array(z.looseObject({ text })) }).optional(),
  poll_answer: z
    .looseObject({ poll_id: text, user: user.optional(), voter_chat: chat.optional(), option_ids: z.array(z.int()) })
    .optional(),
  callback_query: z
    .looseObject({ id: text, from: user, data: text.optional(), message: linked.extend({ chat }).optional() })
    .optional(),
})

/**
 * A member of another form than we know counts as one that we do not know at all, and is told of by its name. Throws
 * `OddError` where one is so without which the update is nothing.
 */
export function updateOf(json: string): Update {
  const value: unknown = JSON.parse(json, withoutNul)
  const { success, error } = update.safeParse(value)
  const known = success ? value : renamed(objectOf(value), error.issues)
  if (!success && !update.safeParse(known).success)
    throw new OddError(`an update of another form: ${error.issues.map(({ path }) => path.join('.')).join(', ')}`)
  return known as Update // as it came: the order of members tells its kind
}

function renamed(value: Content, issues: readonly { readonly path: readonly PropertyKey[] }[]): Content {
  const odd = new Set(issues.map(({ path: [kind, member] }) => `${String(kind)} ${String(member)}`))
  const entries = Object.entries(value).map(([kind, inner]) => {
    const members = Object.entries(objectOf(inner)).map(([key, member]) => [
      odd.has(`${kind} ${key}`) ? `${key} of a new form` : key,
      member,
    ])
    return [kind, members.length > 0 ? (Object.fromEntries(members) as unknown) : inner]
  })
  return Object.fromEntries(entries) as Content
}

/** Names and texts get into the database, which cannot hold that character. */
const withoutNul = (_: string, value: unknown): unknown =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '') : value
