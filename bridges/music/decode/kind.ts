/** What a file is, by its first bytes: names and media types say what people want them to. */
import { open } from 'node:fs/promises'

export interface Kind {
  /** How it is played without ffmpeg; undefined: not at all. */
  readonly own: 'wav' | 'opus' | undefined
  /** The only reader that ffmpeg may use: others would follow what a file says to other files. */
  readonly ffmpeg: string
}

const HEAD_BYTES = 64
const text = (head: Buffer, from: number, to: number): string => head.toString('latin1', from, to)

/** Undefined for what is no sound that we know. */
export async function kindOf(path: string): Promise<Kind | undefined> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
  return kindIn(buffer.subarray(0, bytesRead))
}

function kindIn(head: Buffer): Kind | undefined {
  if (text(head, 0, 4) === 'RIFF' && text(head, 8, 12) === 'WAVE') return { own: 'wav', ffmpeg: 'wav' }
  if (text(head, 0, 4) === 'OggS') return { own: head.includes('OpusHead') ? 'opus' : undefined, ffmpeg: 'ogg' }
  if (text(head, 0, 4) === 'fLaC') return { own: undefined, ffmpeg: 'flac' }
  if (text(head, 4, 8) === 'ftyp') return { own: undefined, ffmpeg: 'mov' }
  if (head.subarray(0, 4).equals(Buffer.from([0x1a, 0x45, 0xdf, 0xa3]))) return { own: undefined, ffmpeg: 'matroska' }
  if (text(head, 0, 3) === 'ID3') return { own: undefined, ffmpeg: 'mp3' }
  const [first = 0, second = 0] = head
  if (first !== 0xff || (second & 0xe0) !== 0xe0) return undefined
  return { own: undefined, ffmpeg: (second & 0x06) === 0 ? 'aac' : 'mp3' }
}
