/** A Telegram message → what its event in Matrix holds. Whatever comes, something is shown: nothing is dropped or empty. */
import { type Message, TelegramApiError } from 'node-telegram-bot-api'
import type { Content } from '../appservice/event.ts'
import { EXTRA, extraOf, SPOILER } from './content/extra.ts'
import { type Medium, mediumOf } from './content/medium.ts'
import { fitting } from './content/fit.ts'
import { linkTo, wordsOf } from './content/words.ts'
import { written, writtenHtml } from './content/written.ts'
import type { Files } from './files.ts'
import type { Names } from './format/to-html.ts'
import { readRich } from './rich/read.ts'
import { renderRich } from './rich/render.ts'
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

/** One, or of a rich message its text and then its media. */
export async function convert(message: Message, parts: ConvertParts): Promise<readonly Converted[]> {
  const all = message.rich_message ? await convertRich(message, parts) : [await convertOne(message, parts)]
  return await Promise.all(all.map(async (one) => ({ ...one, content: await fitting(one.content, parts.files) })))
}

async function convertRich(message: Message, parts: ConvertParts): Promise<readonly Converted[]> {
  const { rich_message: given, ...rest } = message
  const { nodes, hasText, media } = readRich(given)
  if (!hasText && media.length === 0) return [await convertOne(message, parts)]
  const html = renderRich(nodes, parts.names)
  const content = { msgtype: 'm.text', ...writtenHtml(message, html), ...extraOf(message) }
  const all: Converted[] = hasText ? [{ type: 'm.room.message', content, media: undefined }] : []
  for (const medium of media) all.push(await convertOne({ ...rest, ...medium }, parts))
  return all
}

async function convertOne(message: Message, parts: ConvertParts): Promise<Converted> {
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
    const spoiler = message.has_media_spoiler ? { [SPOILER]: true } : {}
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
