/** A Telegram message → what its event in Matrix holds. Whatever comes, something is shown: nothing is dropped or empty. */
import { type Message, type MessageEntity, type MessageOrigin, TelegramApiError } from 'node-telegram-bot-api'
import type { Content } from '../appservice/event.ts'
import { EXTRA, extraOf } from './content/extra.ts'
import { type Medium, mediumOf } from './content/medium.ts'
import { linkTo, wordsOf } from './content/words.ts'
import type { Files } from './files.ts'
import { escape, type Html, type Names, toHtml } from './format/to-html.ts'
import type { Stickers } from './stickers.ts'
import { TooLargeError, verdictOf } from './telegram.ts'

export interface Converted {
  readonly type: 'm.room.message' | 'm.sticker'
  readonly content: Content
  /** The kind of the medium, if there is one. */
  readonly media: string | undefined
}

export interface ConvertParts {
  readonly files: Pick<Files, 'toMatrix' | 'put'>
  readonly stickers: Pick<Stickers, 'moving' | 'lottie'>
  readonly names: Names
  /** Its file has failed several times: the message goes without it. */
  readonly isWithoutFile: boolean
}

export async function convert(message: Message, parts: ConvertParts): Promise<Converted> {
  const medium = mediumOf(message)
  if (medium) return await convertMedium(message, medium, parts)
  const { text, entities, more = {}, extra, msgtype = 'm.text' } = wordsOf(message)
  const said = { msgtype, ...written(message, text, entities, parts.names), ...more, ...extraOf(message, extra) }
  const card = await cardOf(message, parts.files)
  const content = card ? { ...said, ...card } : said
  return { type: 'm.room.message', content, media: undefined }
}

/** A contact with more than a name and a number is a file that address books read, and these stand below it. */
async function cardOf({ contact }: Message, files: ConvertParts['files']): Promise<Content | undefined> {
  if (contact?.vcard === undefined || contact.vcard === '') return undefined
  const [bytes, type, filename] = [Buffer.from(contact.vcard), 'text/vcard', 'contact.vcf']
  const url = await files.put(bytes, type, filename)
  return { msgtype: 'm.file', filename, url, info: { mimetype: type, size: bytes.length } }
}

async function convertMedium(message: Message, medium: Medium, parts: ConvertParts): Promise<Converted> {
  const { kind, msgtype, name } = medium
  if (parts.isWithoutFile) return withoutFile(message, medium, 'it could not be read', parts)
  try {
    if (kind === 'sticker') return await convertSticker(message, medium, parts)
    const { url, info } = await uploaded(medium, parts.files)
    const text =
      message.caption === undefined && !message.forward_origin
        ? { body: name, 'm.mentions': {} }
        : written(message, message.caption ?? '', message.caption_entities, parts.names)
    const spoiler = message.has_media_spoiler ? { 'page.codeberg.everypizza.msc4193.spoiler': true } : {}
    const content = { msgtype, filename: name, ...text, url, info, ...aboutMedium(message, medium), ...spoiler }
    return { type: 'm.room.message', content, media: kind }
  } catch (error) {
    if (error instanceof TooLargeError) return withoutFile(message, medium, 'too large', parts)
    if (!(error instanceof TelegramApiError) || verdictOf(error).kind !== 'never') throw error
    return withoutFile(message, medium, 'it could not be read', parts)
  }
}

async function uploaded(
  { file, kind, name, type, info, preview }: Medium,
  files: ConvertParts['files'],
): Promise<{ url: string; info: Content }> {
  const { mxc } = await files.toMatrix(file, { kind, name, type })
  const shared = { mimetype: type, size: file.file_size, ...info }
  if (!preview) return { url: mxc, info: shared }
  const image = { kind: 'preview', name: 'preview.jpg', type: 'image/jpeg' }
  const { mxc: thumbnail } = await files.toMatrix(preview, image)
  const thumbnailInfo = { mimetype: image.type, w: preview.width, h: preview.height, size: preview.file_size }
  return { url: mxc, info: { ...shared, thumbnail_url: thumbnail, thumbnail_info: thumbnailInfo } }
}

async function convertSticker(message: Message, medium: Medium, { files, stickers }: ConvertParts): Promise<Converted> {
  const { sticker } = message
  const moving = sticker && (await stickers.moving(sticker))
  const { mxc } = moving ?? (await files.toMatrix(medium.file, medium))
  const { type, size } = moving ?? { type: medium.type, size: medium.file.file_size }
  const lottie = sticker?.is_animated === true ? await stickers.lottie(sticker) : undefined
  const content = {
    body: sticker?.emoji ?? 'sticker',
    url: mxc,
    info: { mimetype: type, size, ...medium.info },
    'm.mentions': {},
    ...extraOf(message, lottie === undefined ? {} : { lottie }),
  }
  return { type: 'm.sticker', content, media: 'sticker' }
}

function withoutFile(message: Message, { kind, name, file }: Medium, why: string, { names }: ConvertParts): Converted {
  const size = file.file_size === undefined ? '' : `, ${Math.ceil(file.file_size / 1024 / 1024)} MB`
  const first = `[${kind}: ${name}${size}, ${why}] ${linkTo(message)}`.trim()
  const text = [first, message.caption].filter(Boolean).join('\n')
  const content = { msgtype: 'm.text', ...written(message, text, [], names), ...extraOf(message) }
  return { type: 'm.room.message', content, media: undefined }
}

/** Further content of the medium's kind, and what Telegram says of the message. */
function aboutMedium(message: Message, { more = {} }: Medium): Content {
  const { [EXTRA]: own, ...rest } = more
  return { ...rest, ...extraOf(message, own as Content | undefined) }
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
  const { forward_origin: origin, quote, external_reply: elsewhere } = message
  let { body, formatted } = html
  const inner = (): string => formatted ?? escape(body).replaceAll('\n', '<br>')
  if (quote?.is_manual === true) {
    formatted = `<blockquote>${escape(quote.text).replaceAll('\n', '<br>')}</blockquote>${inner()}`
    body = `${quote.text.replace(/^/gm, '> ')}\n\n${body}`
  }
  if (elsewhere) {
    const { chat, message_id: id } = elsewhere
    const link = chat && id !== undefined ? linkTo({ chat, message_id: id }) : ''
    const name = originName(elsewhere.origin)
    const shown = link === '' ? escape(name) : `<a href="${escape(link)}">${escape(name)}</a>`
    formatted = `<p>In reply to ${shown}</p>${inner()}`
    body = `${['In reply to', name, link].filter(Boolean).join(' ')}\n\n${body}`
  }
  if (origin) {
    const name = originName(origin)
    const said = inner()
    const header = `Forwarded from ${name}`
    formatted = `<p>Forwarded from <strong>${escape(name)}</strong></p>${said === '' ? '' : `<blockquote>${said}</blockquote>`}`
    body = body === '' ? header : `${header}:\n${body.replace(/^/gm, '> ')}`
  }
  return { ...html, body, formatted }
}

function originName(origin: MessageOrigin): string {
  if ('sender_user' in origin)
    return [origin.sender_user.first_name, origin.sender_user.last_name].filter(Boolean).join(' ')
  if ('sender_user_name' in origin) return origin.sender_user_name
  const chat = 'sender_chat' in origin ? origin.sender_chat : 'chat' in origin ? origin.chat : undefined
  return chat?.title ?? 'a channel'
}
