/** Calls of the Bot API that make a message each. */
import { InputFile, type Message } from 'node-telegram-bot-api'
import type { Content } from '../../appservice/event.ts'
import { split } from '../format/split.ts'
import type { Text } from '../format/to-entities.ts'
import { isNoPhoto, type Telegram } from '../telegram.ts'

const MAX_PARTS = 8

/** One call that makes a message. */
export interface Step {
  readonly send: (to: Destination) => Promise<Message>
  /** Edits the message of this number to what it should be: unmodified, it is ours. */
  readonly probe: (to: Destination, messageId: number) => Promise<unknown>
  readonly media: string | null
  /** What of Matrix it shows: the address of a file. */
  readonly source?: string
  /** Makes a message that is there show this; undefined where only a new message can. */
  readonly replace?: (message: { readonly chat_id: number; readonly message_id: number }) => Promise<unknown>
}

export interface Destination {
  readonly chat_id: number
  readonly message_thread_id?: number
  readonly reply_parameters?: { message_id: number; allow_sending_without_reply: true }
}

export type FileKind = 'photo' | 'animation' | 'video' | 'voice' | 'audio' | 'sticker' | 'document'

export const noText: Text = { text: '', entities: [] }

/** As many as the text needs; where that is too many, its beginning and all of it as a file. */
export function textSteps(telegram: Telegram, text: Text, content: Content): Step[] {
  const previews = content['com.beeper.linkpreviews']
  const options =
    Array.isArray(previews) && previews.length === 0 ? { link_preview_options: { is_disabled: true } } : {}
  const parts = split(text)
  if (parts.length <= MAX_PARTS) return parts.map((part) => textStep(telegram, part, options))
  const document = new InputFile(Buffer.from(text.text), { filename: 'message.txt', contentType: 'text/plain' })
  const beginning = split(text, 500)[0] ?? text
  return [textStep(telegram, beginning, options), fileStep(telegram, 'document', document)]
}

export function textStep({ sender }: Telegram, { text, entities }: Text, options: object): Step {
  const shared = { text, entities: [...entities], ...options }
  return {
    send: (to) => sender.sendMessage({ ...to, ...shared }),
    probe: ({ chat_id }, message_id) => sender.editMessageText({ chat_id, message_id, ...shared }),
    media: null,
  }
}

export interface Place {
  readonly latitude: number
  readonly longitude: number
}

export function locationStep({ sender }: Telegram, place: Place): Step {
  return {
    send: (to) => sender.sendLocation({ ...to, ...place }),
    probe: ({ chat_id }, message_id) => sender.editMessageLiveLocation({ chat_id, message_id, ...place }),
    media: 'location',
  }
}

export interface FileOptions {
  readonly caption?: Text
  readonly isSpoiler?: boolean
  /** Of Matrix. */
  readonly source?: string
}

export function fileStep(
  { sender }: Telegram,
  kind: FileKind,
  file: InputFile | string,
  { caption: { text, entities } = noText, isSpoiler = false, source }: FileOptions = {},
): Step {
  const caption = text === '' ? {} : { caption: text, caption_entities: [...entities] }
  const covered = { ...caption, ...(isSpoiler ? { has_spoiler: true } : {}) }
  return {
    send: (to) => {
      switch (kind) {
        case 'photo':
          return sender.sendPhoto({ ...to, photo: file, ...covered }).catch((error: unknown) => {
            if (!isNoPhoto(error)) throw error
            return sender.sendDocument({ ...to, document: file, ...caption })
          })
        case 'animation':
          return sender.sendAnimation({ ...to, animation: file, ...covered })
        case 'video':
          return sender.sendVideo({ ...to, video: file, ...covered })
        case 'voice':
          return sender.sendVoice({ ...to, voice: file, ...caption })
        case 'audio':
          return sender.sendAudio({ ...to, audio: file, ...caption })
        case 'sticker':
          return sender.sendSticker({ ...to, sticker: file })
        case 'document':
          return sender.sendDocument({ ...to, document: file, ...caption })
      }
    },
    probe: ({ chat_id }, message_id) => sender.editMessageCaption({ chat_id, message_id, ...caption }),
    media: kind,
    ...(source === undefined ? {} : { source }),
    ...(kind === 'sticker'
      ? {}
      : {
          replace: (message) => {
            const type = kind === 'voice' ? 'audio' : kind // no message becomes one that was spoken
            const isCoverable = kind === 'photo' || kind === 'animation' || kind === 'video'
            const media = { type, media: file, ...(isCoverable ? covered : caption) }
            return sender.editMessageMedia({ ...message, media })
          },
        }),
  }
}
