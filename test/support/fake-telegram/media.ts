/** Media as messages hold them. Sizes of pictures are not read from their bytes: all are 640 × 480. */
import type { Message, PhotoSize } from 'node-telegram-bot-api'
import type { FakeFile } from './world.ts'

export type MediaKind = 'photo' | 'video' | 'animation' | 'audio' | 'voice' | 'video_note' | 'document' | 'sticker'

/** Defaults of a file of each kind that comes without a name. */
export const mediaNames: Readonly<Record<MediaKind, { name: string; type: string }>> = {
  photo: { name: 'file_0.jpg', type: 'image/jpeg' },
  video: { name: 'file_0.mp4', type: 'video/mp4' },
  animation: { name: 'file_0.mp4', type: 'video/mp4' },
  audio: { name: 'file_0.mp3', type: 'audio/mpeg' },
  voice: { name: 'file_0.oga', type: 'audio/ogg' },
  video_note: { name: 'file_0.mp4', type: 'video/mp4' },
  document: { name: 'file_0.bin', type: 'application/octet-stream' },
  sticker: { name: 'file_0.webp', type: 'image/webp' },
}

export const photoSize = ({ id, uniqueId, bytes }: FakeFile): PhotoSize => ({
  file_id: id,
  file_unique_id: uniqueId,
  width: 640,
  height: 480,
  file_size: bytes.length,
})

export function mediaContent(kind: MediaKind, file: FakeFile, more: Record<string, unknown> = {}): Partial<Message> {
  const base = { file_id: file.id, file_unique_id: file.uniqueId, file_size: file.bytes.length }
  const named = { file_name: file.path.split('/').at(-1), mime_type: file.type }
  const size = { width: 640, height: 480 }
  switch (kind) {
    case 'photo':
      return { photo: [{ ...photoSize(file), width: 90, height: 68 }, photoSize(file)] }
    case 'video':
      return { video: { ...base, ...named, ...size, duration: 1, ...more } }
    case 'animation': {
      const animation = { ...base, ...named, ...size, duration: 1, ...more }
      return { animation, document: { ...base, ...named } }
    }
    case 'audio':
      return { audio: { ...base, ...named, duration: 1, ...more } }
    case 'voice':
      return { voice: { ...base, mime_type: file.type, duration: 1, ...more } }
    case 'video_note':
      return { video_note: { ...base, length: 240, duration: 1, ...more } }
    case 'document':
      return { document: { ...base, ...named, ...more } }
    case 'sticker':
      return {
        sticker: {
          ...base,
          type: 'regular',
          width: 512,
          height: 512,
          is_animated: false,
          is_video: false,
          emoji: '😀',
          ...more,
        },
      }
  }
}
