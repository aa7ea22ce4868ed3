/** The file that a message of Telegram holds, and how Matrix shows it. */
import type { Message, PhotoSize, Sticker } from 'node-telegram-bot-api'
import type { Content } from '../../appservice/event.ts'
import { stillOf } from '../custom-emoji.ts'
import type { TelegramFile } from '../files.ts'
import { EXTRA } from './extra.ts'

export interface Medium {
  readonly kind: string
  readonly file: TelegramFile
  /** Empty for a sticker. */
  readonly msgtype: string
  readonly name: string
  readonly type: string
  readonly info: Content
  readonly more?: Content
  /** A still picture of it. */
  readonly preview?: PhotoSize | undefined
}

const seconds = (duration: number): Content => ({ duration: duration * 1000 })

export function mediumOf(message: Message): Medium | undefined {
  const { photo, live_photo: live, video, animation, audio, voice, video_note: round, document, sticker } = message
  const size = ({ width, height }: { width: number; height: number }): Content => ({ w: width, h: height })
  const largest = photo?.at(-1)
  if (live) {
    return {
      kind: 'live_photo',
      file: live,
      msgtype: 'm.video',
      name: 'live.mp4',
      type: live.mime_type ?? 'video/mp4',
      info: { ...size(live), ...seconds(live.duration) },
      more: { [EXTRA]: { kind: 'live_photo' } },
      preview: live.photo?.at(-1) ?? largest,
    }
  }
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
  if (sticker) return stickerOf(sticker)
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
      preview: animation.thumbnail,
    }
  }
  if (video) {
    const info = { ...size(video), ...seconds(video.duration) }
    return {
      kind: 'video',
      file: video,
      msgtype: 'm.video',
      ...named(video, 'video.mp4', 'video/mp4'),
      info,
      preview: video.thumbnail,
    }
  }
  if (round) {
    const info = { w: round.length, h: round.length, ...seconds(round.duration) }
    const more = { [EXTRA]: { round: true } }
    return {
      kind: 'video_note',
      file: round,
      msgtype: 'm.video',
      name: 'video.mp4',
      type: 'video/mp4',
      info,
      more,
      preview: round.thumbnail,
    }
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
      preview: document.thumbnail,
    }
  }
  return undefined
}

/** What moves is a film, which most apps do not show as a sticker: its still picture then. */
function stickerOf(sticker: Sticker): Medium {
  const shared = { kind: 'sticker', msgtype: '', info: { w: sticker.width, h: sticker.height } }
  const file = stillOf(sticker)
  if (file !== sticker) return { ...shared, file, name: 'sticker.webp', type: 'image/webp' }
  if (sticker.is_video) return { ...shared, file, name: 'sticker.webm', type: 'video/webm' }
  if (sticker.is_animated) return { ...shared, file, name: 'sticker.tgs', type: 'application/gzip' }
  return { ...shared, file, name: 'sticker.webp', type: 'image/webp' }
}
