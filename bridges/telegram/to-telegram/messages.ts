/** What somebody said in Matrix → the messages that say it in Telegram: a place, a file, or text. */
import { InputFile } from 'node-telegram-bot-api'
import type { Content } from '../../appservice/event.ts'
import { mediaTypeOf, mxcOf } from '../../appservice/event.ts'
import { objectOf, stringOf } from '../../appservice/json.ts'
import { CAPTION_LIMIT } from '../format/split.ts'
import { SPOILER } from '../content/extra.ts'
import { MediaGoneError } from '../matrix.ts'
import { OddError } from '../odd.ts'
import { relayed, textOfContent, type Voice } from '../relay.ts'
import { fileOfMxc } from '../store/people.ts'
import type { Telegram } from '../telegram.ts'
import { linksOf, type LinksParts } from './links.ts'
import { stickerFile } from './sticker-file.ts'
import { type FileKind, fileStep, locationStep, noText, type Place, type Step, textSteps } from './steps.ts'

const stickerShape = { filename: 'sticker.webp', contentType: 'image/webp' }
const PHOTO_LIMIT = 10 * 1024 * 1024

export interface MessageParts extends LinksParts {
  readonly telegram: Telegram
  /** In bytes. */
  readonly maxUpload: number
}

/** `voice` is who says it. Throws `OddError` for content that says nothing. */
export async function messageSteps(parts: MessageParts, voice: Voice, content: Content): Promise<Step[]> {
  const { telegram } = parts
  const place = placeOf(content['geo_uri'])
  if (place) return [locationStep(telegram, place)]
  const mxc = mxcOf(content['url'])
  if (mxc !== undefined) return await mediaSteps(parts, voice, content, mxc)
  const text = textOfContent(content, await linksOf(content, parts))
  if (text.text === '') throw new OddError('a message without text')
  return textSteps(telegram, relayed(voice, text, { isEmote: content['msgtype'] === 'm.emote' }), content)
}

/** https://www.rfc-editor.org/rfc/rfc5870 */
function placeOf(uri: unknown): Place | undefined {
  const found = /^geo:(-?[\d.]+),(-?[\d.]+)/.exec(stringOf(uri) ?? '')
  const [latitude, longitude] = [Number(found?.[1]), Number(found?.[2])]
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : undefined
}

async function mediaSteps(parts: MessageParts, voice: Voice, content: Content, mxc: string): Promise<Step[]> {
  const { matrix, telegram, database } = parts
  const { mimetype, size } = objectOf(content['info'])
  const [body, filename] = [stringOf(content['body']), stringOf(content['filename'])]
  const fileName = filename ?? body ?? 'file'
  const hasCaption = filename !== undefined && filename !== body
  const caption = relayed(voice, hasCaption ? textOfContent(content, await linksOf(content, parts)) : noText)
  const known = content['msgtype'] === 'm.sticker' ? await fileOfMxc(database, mxc, 'sticker') : undefined
  if (known) return [fileStep(telegram, 'sticker', known.file_id)]
  try {
    const { bytes, type: served } = await matrix.download(mxc)
    const type = mediaTypeOf(mimetype) ?? served
    const sticker = content['msgtype'] === 'm.sticker' && type !== 'image/webp' && (await stickerFile(matrix, mxc))
    if (sticker) return [fileStep(telegram, 'sticker', new InputFile(sticker, stickerShape))]
    const kind = kindOf(content, { type, size: bytes.length })
    const file = new InputFile(bytes, { filename: fileName, contentType: type })
    const options = { source: mxc, isSpoiler: content[SPOILER] === true }
    if (caption.text.length <= CAPTION_LIMIT) return [fileStep(telegram, kind, file, { ...options, caption })]
    return [fileStep(telegram, kind, file, options), ...textSteps(telegram, caption, content)]
  } catch (error) {
    const why = absence(error, typeof size === 'number' ? size : parts.maxUpload)
    if (why === undefined) throw error
    const link = error instanceof RangeError ? await matrix.mediaLink(mxc) : undefined
    const told = [`[file: ${fileName}, ${why}]`, link].filter(Boolean).join(' ')
    const { text, entities } = hasCaption ? textOfContent(content, await linksOf(content, parts)) : noText
    const moved = entities.map((entity) => ({ ...entity, offset: entity.offset + told.length + 1 }))
    return textSteps(telegram, relayed(voice, { text: text === '' ? told : `${told}\n${text}`, entities: moved }), {})
  }
}

/** Why a file is only told of; undefined where it may be had later. */
function absence(error: unknown, size: number): string | undefined {
  if (error instanceof RangeError) return `${Math.ceil(size / 1024 / 1024)} MB, too large for Telegram`
  return error instanceof MediaGoneError ? 'not to be had' : undefined
}

const isPhoto = /^image\/(?:jpeg|png)$/
const isVoice = /^audio\/(?:ogg|mpeg|mp4)/
const isMusic = /^audio\/(?:mpeg|mp4|x-m4a)/

/** As what Telegram shows a file best, and takes it. */
function kindOf(content: Content, { type, size }: { type: string; size: number }): FileKind {
  switch (content['msgtype']) {
    case 'm.sticker':
      if (type === 'image/webp') return 'sticker'
      return isPhoto.test(type) && size <= PHOTO_LIMIT ? 'photo' : 'document'
    case 'm.image':
      if (type === 'image/gif') return 'animation'
      return isPhoto.test(type) && size <= PHOTO_LIMIT ? 'photo' : 'document'
    case 'm.video':
      return type === 'video/mp4' ? 'video' : 'document'
    case 'm.audio':
      if (content['org.matrix.msc3245.voice'] !== undefined && isVoice.test(type)) return 'voice'
      return isMusic.test(type) ? 'audio' : 'document'
    default:
      return 'document'
  }
}
