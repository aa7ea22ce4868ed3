/** WAV: samples as they are, of 8 to 32 bits or as floating-point numbers. */
import { Bytes } from './bytes.ts'
import { type Sound, UnplayableError } from './pcm.ts'

/** Of each channel, in a piece. */
const PIECE = 4_800
const MAX_CHANNELS = 8
const MAX_RATE = 384_000

interface Format {
  readonly channels: number
  readonly rate: number
  readonly bytes: number
  readonly read: (buffer: Buffer, at: number) => number
}

/** Throws `UnplayableError`. */
export async function* decodeWav(path: string): AsyncGenerator<Sound, void> {
  await using bytes = new Bytes(path)
  const head = await bytes.take(12)
  if (head?.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8) !== 'WAVE') throw noWav()
  let format: Format | undefined
  for (;;) {
    const chunk = await bytes.take(8)
    if (!chunk) throw noWav()
    const [name, size] = [chunk.toString('latin1', 0, 4), chunk.readUInt32LE(4)]
    if (name === 'data') return yield* samples(bytes, format, size)
    if (name === 'fmt ') {
      if (size > 1_000) throw noWav()
      format = formatIn(await bytes.take(size))
      await bytes.skip(size % 2)
    } else {
      await bytes.skip(size + (size % 2))
    }
  }
}

async function* samples(bytes: Bytes, format: Format | undefined, size: number): AsyncGenerator<Sound, void> {
  if (!format) throw noWav()
  const { channels, rate, bytes: width, read } = format
  const frame = width * channels
  // What writes without knowing the length leaves zero, or the most there can be.
  for (let left = size === 0 ? Infinity : size; left > 0; left -= PIECE * frame) {
    const buffer = await bytes.takeUpTo(Math.min(left, PIECE * frame))
    const length = Math.floor(buffer.length / frame)
    if (length === 0) return
    yield {
      rate,
      channels: Array.from({ length: channels }, (_, channel) =>
        Float32Array.from({ length }, (_, at) => read(buffer, at * frame + channel * width)),
      ),
    }
  }
}

function formatIn(chunk: Buffer | undefined): Format {
  if (!chunk || chunk.length < 16) throw noWav()
  const [given, channels, rate, bits] = [0, 2, 4, 14].map((at) =>
    at === 4 ? chunk.readUInt32LE(at) : chunk.readUInt16LE(at),
  ) as [number, number, number, number]
  // The extensible form names the kind further on.
  const kind = given === 0xfffe && chunk.length >= 26 ? chunk.readUInt16LE(24) : given
  const read = readers[`${kind}/${bits}`]
  const isSane = channels > 0 && channels <= MAX_CHANNELS && rate >= 1_000 && rate <= MAX_RATE
  if (!read || !isSane) throw new UnplayableError('samples of a kind that is not played')
  return { channels, rate, bytes: bits / 8, read }
}

const readers: Readonly<Record<string, Format['read']>> = {
  '1/8': (buffer, at) => (buffer.readUInt8(at) - 128) / 128,
  '1/16': (buffer, at) => buffer.readInt16LE(at) / 32_768,
  '1/24': (buffer, at) => buffer.readIntLE(at, 3) / 8_388_608,
  '1/32': (buffer, at) => buffer.readInt32LE(at) / 2_147_483_648,
  '3/32': (buffer, at) => buffer.readFloatLE(at) || 0,
  '3/64': (buffer, at) => buffer.readDoubleLE(at) || 0,
}

const noWav = (): UnplayableError => new UnplayableError('no WAV file')
