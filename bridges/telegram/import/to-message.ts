/** An exported message → what Telegram would have told a bot, from where it becomes what the bridge makes of that. */
import type { Message, MessageEntity } from 'node-telegram-bot-api'
import { type ExportedChat, type ExportedMessage, chatIdOf, timeOf } from './export.ts'

/** Names of the export for kinds of formatting that the Bot API has other names for. */
const entityTypes: Readonly<Record<string, string>> = {
  link: 'url',
  mention_name: 'text_mention',
  phone: 'phone_number',
}

/** `file_id` is the path of a file within the export. */
export function toMessage(exported: ExportedMessage, chat: ExportedChat): Message {
  const { text, entities } = wordsOf(exported)
  const medium = mediumOf(exported)
  const date = Math.floor(timeOf(exported) / 1000)
  const words = medium ? { caption: text, caption_entities: entities } : { text, entities }
  const { forwarded_from: forwardedFrom, via_bot: bot, author, media_spoiler: isSpoiler } = exported
  const message = {
    message_id: exported.id,
    date,
    chat: { id: chatIdOf(chat), type: typeOf(chat), title: chat.name ?? '' },
    ...(text === '' ? {} : words),
    ...(medium ?? (text === '' ? otherOf(exported) : {})),
    ...(forwardedFrom === undefined
      ? {}
      : { forward_origin: { type: 'hidden_user', date, sender_user_name: forwardedFrom ?? 'Deleted Account' } }),
    ...(bot ? { via_bot: { id: 0, is_bot: true, first_name: bot, username: bot.replace(/^@/, '') } } : {}),
    ...(author ? { author_signature: author } : {}),
    ...(isSpoiler === true ? { has_media_spoiler: true } : {}),
  }
  return message as unknown as Message // of its many kinds, which TypeScript cannot follow
}

/** The file that it has, though perhaps not in the export. */
export const pathOf = ({ photo, file }: ExportedMessage): string | undefined => photo ?? file

function typeOf({ type }: ExportedChat): string {
  if (type.endsWith('supergroup')) return 'supergroup'
  if (type.endsWith('channel')) return 'channel'
  return type.endsWith('group') ? 'group' : 'private'
}

function wordsOf({ text_entities: given, text: older = '' }: ExportedMessage): {
  text: string
  entities: readonly MessageEntity[]
} {
  const pieces = given ?? (typeof older === 'string' ? [older] : older)
  const entities: MessageEntity[] = []
  let text = ''
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      text += piece
      continue
    }
    const { type, text: said, href, user_id: userId, language } = piece
    const entity = {
      type: entityTypes[type] ?? type,
      offset: text.length,
      length: said.length,
      ...(href ? { url: href } : {}),
      ...(language ? { language } : {}),
      ...(typeof userId === 'number' ? { user: { id: userId, is_bot: false, first_name: said } } : {}),
    }
    if (type !== 'plain') entities.push(entity)
    text += said
  }
  return { text, entities }
}

function mediumOf(exported: ExportedMessage): object | undefined {
  const { photo, file, media_type: type, width, height, duration_seconds: duration = 0, thumbnail } = exported
  const named = (path: string) => ({ file_id: path, file_unique_id: path, width, height })
  if (photo !== undefined) return { photo: [{ ...named(photo), file_size: exported.photo_file_size }] }
  if (file === undefined) return undefined
  const preview = thumbnail ? { thumbnail: { file_id: thumbnail, file_unique_id: thumbnail } } : {}
  const medium = {
    ...named(file),
    file_size: exported.file_size,
    duration,
    file_name: exported.file_name ?? file.split('/').at(-1) ?? 'file',
    mime_type: exported.mime_type,
    ...preview,
  }
  switch (type) {
    case 'sticker':
      return { sticker: { ...medium, ...movementOf(file), emoji: exported.sticker_emoji } }
    case 'video_file':
      return { video: medium }
    case 'video_message':
      return { video_note: { ...medium, length: width ?? 0 } }
    case 'voice_message':
      return { voice: medium }
    case 'audio_file':
      return { audio: medium }
    case 'animation':
      return { animation: medium }
    default:
      return { document: medium }
  }
}

const movementOf = (path: string): object => ({ is_video: path.endsWith('.webm'), is_animated: path.endsWith('.tgs') })

/** What has neither text nor a file. */
function otherOf(exported: ExportedMessage): object {
  const { contact_information: contact, location_information: location, poll } = exported
  if (contact) return { contact }
  if (poll) {
    const options = poll.answers.map(({ text, voters }) => ({ text, voter_count: voters }))
    return { poll: { question: poll.question, is_closed: poll.closed, options } }
  }
  if (!location) {
    const kind = Object.keys(exported).find((key) => /^(?:game|invoice|giveaway|todo|story|dice|paid)/.test(key))
    return kind === undefined ? {} : { [kind]: true }
  }
  const { place_name: title, address = '' } = exported
  return { location, ...(title === undefined ? {} : { venue: { location, title, address } }) }
}
