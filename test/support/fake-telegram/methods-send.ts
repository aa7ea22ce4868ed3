/** https://core.telegram.org/bots/api#available-methods: what sends a message. */
import type { Message, MessageEntity, Poll, ReplyParameters } from 'node-telegram-bot-api'
import { randomBytes, randomInt } from 'node:crypto'
import type { Call, Method } from './call.ts'
import { type MediaKind, mediaContent, mediaNames } from './media.ts'
import { bad, Problem } from './problem.ts'
import type { Upload } from './params.ts'
import { checkText, foundEntities } from './text.ts'
import type { FakeChat, FakeFile } from './world.ts'

const TEXT_LIMIT = 4096
const CAPTION_LIMIT = 1024
const MiB = 1024 * 1024

/** The chat of the call, if the bot may write there now. */
function writableChat({ world, bot, params }: Call): FakeChat {
  const chat = world.chatFor(bot, params.text('chat_id'))
  const member = chat.members.get(bot.user.id)
  if (member?.status === 'restricted' && member.rights['can_send_messages'] !== true) {
    throw bad('not enough rights to send text messages to the chat')
  }
  if (chat.chat.type === 'channel' && !world.may(chat, bot.user.id, 'can_post_messages')) {
    throw bad('need administrator rights in the channel chat')
  }
  const topic = params.number('message_thread_id')
  if (topic !== undefined && chat.chat.is_forum) {
    const found = chat.topics.get(topic)
    if (!found) throw bad('message thread not found')
    if (found.closed && !world.may(chat, bot.user.id, 'can_manage_topics')) throw bad('TOPIC_CLOSED')
  }
  return chat
}

function answeredBy({ params }: Call, chat: FakeChat): number | undefined {
  const reply = params.json<ReplyParameters>('reply_parameters')
  if (reply?.message_id === undefined) return undefined
  if (chat.messages.has(reply.message_id)) return reply.message_id
  if (reply.allow_sending_without_reply === true) return undefined
  throw bad('message to be replied not found')
}

export function send(call: Call, content: Partial<Message>): Message {
  const chat = writableChat(call)
  const topic = call.params.number('message_thread_id')
  const markup = call.params.json<Message['reply_markup']>('reply_markup')
  return call.world.post(
    chat,
    chat.chat.type === 'channel' ? chat.chat : call.bot.user,
    {
      ...content,
      ...(topic === undefined ? {} : { message_thread_id: topic, is_topic_message: true as const }),
      ...(markup && 'inline_keyboard' in markup ? { reply_markup: markup } : {}),
      ...(call.params.flag('protect_content') ? { has_protected_content: true as const } : {}),
    },
    answeredBy(call, chat),
  )
}

export function textOf({ params }: Call): Pick<Message, 'text' | 'entities'> {
  const given = params.json<MessageEntity[]>('entities') ?? []
  const { text, entities } = checkText(params.text('text') ?? '', given, TEXT_LIMIT, 'message')
  const all = [...entities, ...foundEntities(text)]
  return { text, ...(all.length > 0 ? { entities: all } : {}) }
}

export function captionOf({ params }: Call): Pick<Message, 'caption' | 'caption_entities'> {
  const given = params.json<MessageEntity[]>('caption_entities') ?? []
  const { text, entities } = checkText(params.text('caption') ?? '', given, CAPTION_LIMIT, 'message caption')
  if (text === '') return {}
  return { caption: text, ...(entities.length > 0 ? { caption_entities: [...entities] } : {}) }
}

/** A file that is sent, or one that is known. */
export function fileOf(call: Call, kind: MediaKind, field: string = kind): FakeFile {
  const upload = call.params.file(field)
  if (upload) return keep(call, kind, upload)
  const known = call.world.files.get(call.params.text(field) ?? '')
  if (!known) throw bad('wrong file identifier/HTTP URL specified')
  return known
}

export function keep({ world }: Call, kind: MediaKind, { name, type, bytes }: Upload): FakeFile {
  if (bytes.length > 50 * MiB) throw new Problem(413, 'Request Entity Too Large')
  if (kind === 'photo' && bytes.length > 10 * MiB) throw bad('too big photo')
  if (kind === 'sticker' && bytes.length > 512 * 1024) throw bad('STICKER_FILE_INVALID')
  return world.addFile(bytes, { name: name || mediaNames[kind].name, type: type || mediaNames[kind].type })
}

const media =
  (kind: MediaKind): Method =>
  (call) => {
    writableChat(call)
    const spoiler = call.params.flag('has_spoiler') ? { has_media_spoiler: true as const } : {}
    const duration = call.params.number('duration')
    const more = duration === undefined ? {} : { duration }
    return send(call, { ...mediaContent(kind, fileOf(call, kind), more), ...captionOf(call), ...spoiler })
  }

function sendPoll(call: Call): Message {
  const options = call.params.json<{ text: string }[]>('options') ?? []
  if (options.length < 2) throw bad('poll must have at least 2 option')
  if (options.length > 12) throw bad("poll can't have more than 12 options")
  const question = call.params.text('question') ?? ''
  if (question === '') throw bad('poll question must be non-empty')
  if (question.length > 300) throw bad('poll question length must not exceed 300')
  const poll: Poll = {
    id: String(randomInt(2 ** 47)),
    question,
    options: options.map(({ text }) => ({ persistent_id: randomBytes(4).toString('hex'), text, voter_count: 0 })),
    total_voter_count: 0,
    is_closed: false,
    is_anonymous: call.params.text('is_anonymous') !== 'false',
    type: 'regular',
    allows_multiple_answers: call.params.flag('allows_multiple_answers'),
    allows_revoting: true,
    members_only: false,
  }
  return send(call, { poll })
}

function stopPoll(call: Call): Poll {
  const message = call.world.chatFor(call.bot, call.params.text('chat_id')).messages.get(call.params.need('message_id'))
  if (!message?.poll) throw bad('message with poll to stop not found')
  if (message.poll.is_closed) throw bad('poll has already been closed')
  message.poll = { ...message.poll, is_closed: true }
  return message.poll
}

function sendMediaGroup(call: Call): Message[] {
  const items = call.params.json<{ type: MediaKind; media: string; caption?: string }[]>('media') ?? []
  if (items.length < 2 || items.length > 10) throw bad('wrong number of items in the album')
  const group = String(randomInt(2 ** 47))
  return items.map(({ type, media: reference, caption }) => {
    const upload = call.params.attached(reference)
    const file = upload ? keep(call, type, upload) : call.world.files.get(reference)
    if (!file) throw bad('wrong file identifier/HTTP URL specified')
    return send(call, { ...mediaContent(type, file), ...(caption ? { caption } : {}), media_group_id: group })
  })
}

function locationOf({ params }: Call): { latitude: number; longitude: number; live_period?: number } {
  const live = params.number('live_period')
  return {
    latitude: params.need('latitude'),
    longitude: params.need('longitude'),
    ...(live === undefined ? {} : { live_period: live }),
  }
}

/** The content of a message, without who sent it and when. */
function contentOf(message: Message): Partial<Message> {
  const {
    message_id: _,
    from: _from,
    date: _date,
    chat: _chat,
    sender_chat: _sender,
    reply_to_message: _reply,
    ...content
  } = message
  return content
}

export function copied(
  call: Call,
  id = call.params.need('message_id'),
): { message: Message; content: Partial<Message> } {
  const from = call.world.chatFor(call.bot, call.params.text('from_chat_id'))
  const message = from.messages.get(id)
  if (!message) throw bad('message to copy not found')
  return { message, content: contentOf(message) }
}

export const sendMethods: Readonly<Record<string, Method>> = {
  sendMessage: (call) => send(call, textOf(call)),
  sendPhoto: media('photo'),
  sendVideo: media('video'),
  sendAnimation: media('animation'),
  sendAudio: media('audio'),
  sendVoice: media('voice'),
  sendVideoNote: media('video_note'),
  sendDocument: media('document'),
  sendSticker: media('sticker'),
  sendMediaGroup,
  sendPoll,
  stopPoll,
  sendLocation: (call) => send(call, { location: locationOf(call) }),
  sendVenue: (call) => {
    const location = locationOf(call)
    const [title = '', address = ''] = [call.params.text('title'), call.params.text('address')]
    return send(call, { location, venue: { location, title, address } })
  },
  sendContact: (call) => {
    const [phone = '', name = ''] = [call.params.text('phone_number'), call.params.text('first_name')]
    return send(call, { contact: { phone_number: phone, first_name: name } })
  },
  sendDice: (call) => send(call, { dice: { emoji: call.params.text('emoji') ?? '🎲', value: randomInt(1, 7) } }),
  sendChatAction: (call) => (writableChat(call), true),
  forwardMessage: (call) => {
    const { message, content } = copied(call)
    const origin = message.from
      ? { type: 'user', date: message.date, sender_user: message.from }
      : { type: 'channel', date: message.date, chat: message.chat, message_id: message.message_id }
    return send(call, { ...content, forward_origin: origin })
  },
  copyMessage: (call) => ({ message_id: send(call, copied(call).content).message_id }),
}
