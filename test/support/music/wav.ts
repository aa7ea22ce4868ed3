/** WAV files with a tone. */
export { hasTone } from '../../../homeserver/cli/simulate/tone.ts'

export interface Wav {
  readonly hertz: number
  readonly seconds: number
  readonly rate?: number
  readonly bits?: 8 | 16 | 24 | 32 | 'float'
  readonly channels?: number
}

const AMPLITUDE = 0.25

export function wavOf({ hertz, seconds, rate = 48_000, bits = 16, channels = 1 }: Wav): Buffer {
  const bytes = bits === 'float' ? 4 : bits / 8
  const [frame, count] = [bytes * channels, rate * seconds]
  const file = Buffer.alloc(44 + count * frame)
  file.write('RIFF', 0, 'latin1')
  file.writeUInt32LE(file.length - 8, 4)
  file.write('WAVEfmt ', 8, 'latin1')
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(bits === 'float' ? 3 : 1, 20)
  file.writeUInt16LE(channels, 22)
  file.writeUInt32LE(rate, 24)
  file.writeUInt32LE(rate * frame, 28)
  file.writeUInt16LE(frame, 32)
  file.writeUInt16LE(bytes * 8, 34)
  file.write('data', 36, 'latin1')
  file.writeUInt32LE(count * frame, 40)
  for (let at = 0; at < count; at++) {
    const value = AMPLITUDE * Math.sin((2 * Math.PI * hertz * at) / rate)
    for (let channel = 0; channel < channels; channel++) {
      const place = 44 + at * frame + channel * bytes
      if (bits === 'float') file.writeFloatLE(value, place)
      else if (bits === 8) file.writeUInt8(Math.round(value * 127) + 128, place)
      else file.writeIntLE(Math.round(value * (2 ** (bits - 1) - 1)), place, bytes)
    }
  }
  return file
}
