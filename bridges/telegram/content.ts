/** A Telegram message → what its event in Matrix holds. Whatever comes, something is shown: nothing is dropped or empty. */
import type { Message, MessageEntity, MessageOrigin } from 'node-telegram-bot-api'
import type { Files, TelegramFile } from './files.ts'
import { escape, type Html, type Names, toHtml } from './format/to-html.ts'
import type { Content } from './matrix.ts'
import { TooLargeError } from './telegram.ts'

export interface Converted {
  readonly type: 'm.room.message' | 'm.sticker'
  readonly content: Content
  /** The kind of the medium, if there is one. */
  readonly media: string | undefined
}

const EXTRA = 'org.domovoi.telegram'

interface Medium {
  readonly kind: string
  readonly file: TelegramFile
  readonly msgtype: string
  readonly name: string
  readonly type: string
  readonly info: Content
  readonly more?: Content
}

export async function convert(message: Message, { files, names }: { files: Files; names: Names }): Promise<Converted> {
  const medium = mediumOf(message)
  if (medium) return await convertMedium(message, medium, files, names)
  const { text, entities, more = {}, msgtype = 'm.text' } = textOf(message)
  return {
    type: 'm.room.message',
    content: { msgtype, ...written(message, text, entities, names), ...more },
    media: undefined,
  }
}

async function convertMedium(message: Message, medium: Medium, files: Files, names: Names): Promise<Converted> {
  const { kind, file, msgtype, name, type, info, more = {} } = medium
  const extra = message.media_group_id === undefined ? {} : { [EXTRA]: { album_id: message.media_group_id } }
  try {
    const { mxc } = await files.toMatrix(file, { kind, name, type })
    const shared = { url: mxc, info: { mimetype: type, size: file.file_size, ...info }, ...more, ...extra }
    if (kind === 'sticker') {
      const body = message.sticker?.emoji ?? 'sticker'
      return { type: 'm.sticker', content: { body, ...shared, 'm.mentions': {} }, media: kind }
    }
    const caption = message.caption ?? ''
    const text =
      caption === '' ? { body: name, 'm.mentions': {} } : written(message, caption, message.caption_entities, names)
    const spoiler = message.has_media_spoiler ? { 'page.codeberg.everypizza.msc4193.spoiler': true } : {}
    return { type: 'm.room.message', content: { msgtype, filename: name, ...text, ...shared, ...spoiler }, media: kind }
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error
    const size = file.file_size === undefined ? '' : `, ${Math.ceil(file.file_size / 1024 / 1024)} MB`
    const text = [`[${kind}: ${name}${size}, too large for a bot] ${linkTo(message)}`, message.caption]
      .filter(Boolean)
      .join('\n')
    return {
      type: 'm.room.message',
      content: { msgtype: 'm.text', ...written(message, text, [], names) },
      media: undefined,
    }
  }
}

/** Text, and who wrote it first where it is forwarded. */
function written(
  message: Message,
  text: string,
  entities: readonly MessageEntity[] | undefined,
  names: Names,
): Content {
  const { body, formatted, mentioned } = quoted(message, toHtml(text, entities ?? [], names))
  return {
    body,
    ...(formatted === undefined ? {} : { format: 'org.matrix.custom.html', formatted_body: formatted }),
    'm.mentions': mentioned.length > 0 ? { user_ids: mentioned } : {},
  }
}

function quoted(message: Message, html: Html): Html {
  const { forward_origin: origin, quote } = message
  let { body, formatted } = html
  const inner = (): string => formatted ?? escape(body).replaceAll('\n', '<br>')
  if (quote?.is_manual === true) {
    formatted = `<blockquote>${escape(quote.text).replaceAll('\n', '<br>')}</blockquote>${inner()}`
    body = `${quote.text.replace(/^/gm, '> ')}\n\n${body}`
  }
  if (origin) {
    const name = originName(origin)
    formatted = `<p>Forwarded from <strong>${escape(name)}</strong></p><blockquote>${inner()}</blockquote>`
    body = `Forwarded from ${name}:\n${body.replace(/^/gm, '> ')}`
  }
  return { ...html, body, formatted }
}

function originName(origin: MessageOrigin): string {
  if ('sender_user' in origin)
    return [origin.sender_user.first_name, origin.sender_user.last_name].filter(Boolean).join(' ')
  if ('sender_user_name' in origin) return origin.sender_user_name
  return ('sender_chat' in origin ? origin.sender_chat.title : origin.chat.title) ?? 'a channel'
}

/** Where people who are in the chat find the message. */
export function linkTo({ chat, message_id: id }: Pick<Message, 'chat' | 'message_id'>): string {
  if (chat.username !== undefined && chat.type !== 'private') return `https://t.me/${chat.username}/${id}`
  return chat.type === 'supergroup' || chat.type === 'channel'
    ? `https://t.me/c/${String(chat.id).replace(/^-100/, '')}/${id}`
    : ''
}

const seconds = (duration: number): Content => ({ duration: duration * 1000 })

function mediumOf(message: Message): Medium | undefined {
  const { photo, video, animation, audio, voice, video_note: round, document, sticker } = message
  const size = ({ width, height }: { width: number; height: number }): Content => ({ w: width, h: height })
  const largest = photo?.at(-1)
  if (largest) {
    return {
      kind: 'photo',
      file: largest,
      msgtype: 'm.image',
      name: 'photo.jpg',
      type: 'image/jpeg',
      info: size(largest),
    }
  }
  if (sticker) {
    // What moves cannot be shown by most apps: its still picture can.
    const still = (sticker.is_animated || sticker.is_video) && sticker.thumbnail
    const type =
      !still && sticker.is_video ? 'video/webm' : !still && sticker.is_animated ? 'application/gzip' : 'image/webp'
    return { kind: 'sticker', file: still || sticker, msgtype: '', name: 'sticker.webp', type, info: size(sticker) }
  }
  const named = (one: { file_name?: string; mime_type?: string }, name: string, type: string) => ({
    name: one.file_name ?? name,
    type: one.mime_type ?? type,
  })
  if (animation) {
    const info = {
      ...size(animation),
      ...seconds(animation.duration),
      'fi.mau.loop': true,
      'fi.mau.autoplay': true,
      'fi.mau.no_audio': true,
    }
    return {
      kind: 'animation',
      file: animation,
      msgtype: 'm.video',
      ...named(animation, 'animation.mp4', 'video/mp4'),
      info,
    }
  }
  if (video) {
    const info = { ...size(video), ...seconds(video.duration) }
    return { kind: 'video', file: video, msgtype: 'm.video', ...named(video, 'video.mp4', 'video/mp4'), info }
  }
  if (round) {
    const info = { w: round.length, h: round.length, ...seconds(round.duration) }
    const more = { [EXTRA]: { round: true } }
    return { kind: 'video_note', file: round, msgtype: 'm.video', name: 'video.mp4', type: 'video/mp4', info, more }
  }
  if (voice) {
    const more = { 'org.matrix.msc3245.voice': {}, 'org.matrix.msc1767.audio': seconds(voice.duration) }
    const type = voice.mime_type ?? 'audio/ogg'
    return {
      kind: 'voice',
      file: voice,
      msgtype: 'm.audio',
      name: 'voice.ogg',
      type,
      info: seconds(voice.duration),
      more,
    }
  }
  if (audio) {
    return {
      kind: 'audio',
      file: audio,
      msgtype: 'm.audio',
      ...named(audio, 'audio.mp3', 'audio/mpeg'),
      info: seconds(audio.duration),
    }
  }
  if (document) {
    return {
      kind: 'document',
      file: document,
      msgtype: 'm.file',
      ...named(document, 'file', 'application/octet-stream'),
      info: {},
    }
  }
  return undefined
}

interface Written {
  readonly text: string
  readonly entities?: readonly MessageEntity[] | undefined
  readonly msgtype?: string
  readonly more?: Content
}

/** Of what has no file. Kinds that Matrix does not know are told in words. */
function textOf(message: Message): Written {
  const { text, entities, location, venue, contact, poll, dice } = message
  if (text !== undefined) return { text, entities }
  if (location) {
    const uri = `geo:${location.latitude},${location.longitude}`
    const name = venue ? `${venue.title}, ${venue.address}` : 'Location'
    const more = {
      geo_uri: uri,
      'org.matrix.msc3488.location': { uri, description: name },
      'org.matrix.msc3488.asset': { type: 'm.pin' },
    }
    return { text: `${name}: ${uri}`, msgtype: 'm.location', more }
  }
  if (contact) {
    const name = [contact.first_name, contact.last_name].filter(Boolean).join(' ')
    return { text: `Contact: ${name}, ${contact.phone_number}` }
  }
  if (poll) {
    const lines = poll.options.map(
      (option, index) => `${index + 1}. ${option.text}${poll.is_closed ? `: ${option.voter_count}` : ''}`,
    )
    const end = poll.is_closed ? 'The poll is closed.' : `Vote in Telegram ${linkTo(message)}`.trim()
    return { text: [`Poll: ${poll.question}`, ...lines, end].join('\n') }
  }
  if (dice) return { text: `${dice.emoji} ${dice.value}`, more: { [EXTRA]: { kind: 'dice', value: dice.value } } }
  const kind = Object.keys(message).find((key) => !common.has(key)) ?? 'message'
  return { text: `[${kind.replaceAll('_', ' ')}] ${linkTo(message)}`.trim(), more: { [EXTRA]: { kind } } }
}

/** Members that say nothing of what kind a message is. */
const common = new Set([
  'message_id',
  'from',
  'sender_chat',
  'date',
  'chat',
  'message_thread_id',
  'is_topic_message',
  'reply_to_message',
  'edit_date',
  'forward_origin',
  'via_bot',
  'author_signature',
  'has_protected_content',
  'sender_boost_count',
  'sender_tag',
  'reply_markup',
  'is_automatic_forward',
])
