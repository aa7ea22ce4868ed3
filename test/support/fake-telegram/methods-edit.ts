/** What changes a message that is there: edits, deletions, reactions, pins. */
import type { Message, MessageEntity, ReactionType } from 'node-telegram-bot-api'
import type { Call, Method } from './call.ts'
import { type MediaKind, mediaContent } from './media.ts'
import { bad } from './problem.ts'
import { captionOf, fileOf, keep, textOf } from './methods-send.ts'
import { checkText } from './text.ts'
import type { FakeChat } from './world.ts'

const DELETABLE_SECONDS = 48 * 3600
const unchanged =
  'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message'

function own(call: Call): { chat: FakeChat; message: Message } {
  const chat = call.world.chatFor(call.bot, call.params.text('chat_id'))
  const message = chat.messages.get(call.params.need('message_id'))
  if (!message) throw bad('message to edit not found')
  const isOwn = chat.chat.type === 'channel' ? message.sender_chat !== undefined : message.from?.id === call.bot.user.id
  if (!isOwn) throw bad("message can't be edited")
  return { chat, message }
}

function change({ world }: Call, chat: FakeChat, message: Message, fields: Partial<Message>): Message {
  if (Object.entries(fields).every(([key, value]) => same(message[key as keyof Message], value))) throw bad(unchanged)
  const changed: Message = { ...message, ...fields, edit_date: world.now }
  chat.messages.set(message.message_id, changed)
  world.onMessage(changed)
  return changed
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const edit =
  (fields: (call: Call, message: Message) => Partial<Message>): Method =>
  (call) => {
    const { chat, message } = own(call)
    return change(call, chat, message, fields(call, message))
  }

function editedText(call: Call, message: Message): Partial<Message> {
  if (message.text === undefined) throw bad('there is no text in the message to edit')
  return { entities: undefined, ...textOf(call), ...markup(call) }
}

const markup = ({ params }: Call): Partial<Message> => ({
  reply_markup: params.json<Message['reply_markup']>('reply_markup'),
})

const changeable: readonly MediaKind[] = ['photo', 'video', 'animation', 'audio', 'document']
const without: Partial<Message> = Object.fromEntries(
  [...changeable, 'text', 'entities', 'caption', 'caption_entities', 'has_media_spoiler'].map((key) => [
    key,
    undefined,
  ]),
)

/** Another file in the place of one, or of a text. */
function editedMedia(call: Call, message: Message): Partial<Message> {
  const input = call.params.json<InputMedia>('media')
  if (!input) throw bad('media is required')
  if (!changeable.includes(input.type)) throw bad(`type of the media "${input.type}" is unsupported`)
  if (message.text === undefined && !changeable.some((kind) => message[kind])) throw bad("message can't be edited")
  const upload = call.params.attached(input.media)
  const file = upload ? keep(call, input.type, upload) : call.world.files.get(input.media)
  if (!file) throw bad('wrong file identifier/HTTP URL specified')
  const { text, entities } = checkText(input.caption ?? '', input.caption_entities ?? [], 1024, 'message caption')
  return {
    ...without,
    ...mediaContent(input.type, file),
    ...(text === '' ? {} : { caption: text, caption_entities: [...entities] }),
    ...(input.has_spoiler === true ? { has_media_spoiler: true as const } : {}),
  }
}

interface InputMedia {
  readonly type: MediaKind
  readonly media: string
  readonly caption?: string
  readonly caption_entities?: MessageEntity[]
  readonly has_spoiler?: boolean
}

function remove(call: Call, id: number): boolean {
  const { world, bot, params } = call
  const chat = world.chatFor(bot, params.text('chat_id'))
  const message = chat.messages.get(id)
  if (!message) throw bad('message to delete not found')
  const isAllowed =
    message.from?.id === bot.user.id
      ? world.now - message.date < DELETABLE_SECONDS || world.may(chat, bot.user.id, 'can_delete_messages')
      : world.may(chat, bot.user.id, 'can_delete_messages')
  if (!isAllowed) throw bad("message can't be deleted")
  chat.messages.delete(id)
  return true
}

function react(call: Call): true {
  const { world, bot, params } = call
  const chat = world.chatFor(bot, params.text('chat_id'))
  const id = params.need('message_id')
  if (!chat.messages.has(id)) throw bad('message to react not found')
  const reactions = params.json<ReactionType[]>('reaction') ?? []
  if (reactions.length > 1) throw bad('REACTIONS_TOO_MANY')
  const allowed = chat.reactions ?? usualReactions
  for (const reaction of reactions) {
    if (!('emoji' in reaction) || !allowed.includes(reaction.emoji)) throw bad('REACTION_INVALID')
  }
  const all = chat.reacted.get(id) ?? new Map<number, readonly ReactionType[]>()
  chat.reacted.set(id, all.set(bot.user.id, reactions))
  return true
}

/** https://core.telegram.org/bots/api#reactiontypeemoji, the first of them. */
const usualReactions = [
  '❤',
  '👍',
  '👎',
  '🔥',
  '🥰',
  '👏',
  '😁',
  '🤔',
  '🤯',
  '😱',
  '🤬',
  '😢',
  '🎉',
  '🤩',
  '🙏',
  '👌',
  '😍',
  '💯',
  '🤣',
  '👀',
]

function pin(call: Call): true {
  const { world, bot, params } = call
  const chat = world.chatFor(bot, params.text('chat_id'))
  if (chat.chat.type !== 'private' && !world.may(chat, bot.user.id, 'can_pin_messages')) {
    throw bad('not enough rights to manage pinned messages in the chat')
  }
  const id = params.need('message_id')
  if (!chat.messages.has(id)) throw bad('message to pin not found')
  chat.pinned = [id, ...chat.pinned.filter((other) => other !== id)]
  return true
}

export const editMethods: Readonly<Record<string, Method>> = {
  editMessageText: edit(editedText),
  editMessageCaption: edit((call) => ({ caption: undefined, caption_entities: undefined, ...captionOf(call) })),
  editMessageMedia: edit(editedMedia),
  editMessageReplyMarkup: edit(markup),
  editMessageLiveLocation: edit(({ params }) => ({
    location: { latitude: params.need('latitude'), longitude: params.need('longitude') },
  })),
  deleteMessage: (call) => remove(call, call.params.need('message_id')),
  deleteMessages: (call) => {
    for (const id of call.params.json<number[]>('message_ids') ?? []) remove(call, id)
    return true
  },
  setMessageReaction: react,
  pinChatMessage: pin,
  unpinChatMessage: ({ world, bot, params }) => {
    const chat = world.chatFor(bot, params.text('chat_id'))
    const id = params.number('message_id') ?? chat.pinned[0]
    chat.pinned = chat.pinned.filter((other) => other !== id)
    return true
  },
  unpinAllChatMessages: ({ world, bot, params }) => {
    world.chatFor(bot, params.text('chat_id')).pinned = []
    return true
  },
  setChatPhoto: (call) => {
    const chat = call.world.chatFor(call.bot, call.params.text('chat_id'))
    chat.photo = fileOf(call, 'photo')
    return true
  },
}
