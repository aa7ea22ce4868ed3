/** Opus in Ogg, as voice messages are. https://www.rfc-editor.org/rfc/rfc7845 */
import { OpusDecoder } from 'opus-decoder'
import { Bytes } from './bytes.ts'
import { packetsOf } from './ogg.ts'
import { RATE, type Sound, UnplayableError } from './pcm.ts'

/** Throws `UnplayableError`. */
export async function* decodeOpus(path: string): AsyncGenerator<Sound, void> {
  await using bytes = new Bytes(path)
  const packets = packetsOf(bytes)
  const { value: head } = await packets.next()
  if (!head || head.length < 19 || head.toString('latin1', 0, 8) !== 'OpusHead') throw new UnplayableError('no Opus')
  const [channels, preSkip, family] = [head.readUInt8(9), head.readUInt16LE(10), head.readUInt8(18)]
  if (family !== 0 || channels < 1 || channels > 2) throw new UnplayableError('more than two channels')
  await packets.next() // tags
  const decoder = new OpusDecoder({ sampleRate: RATE, channels })
  await decoder.ready
  try {
    let before = preSkip // what comes first only helps to begin
    for await (const packet of packets) {
      const { channelData } = decoder.decodeFrame(packet)
      const skipped = Math.min(before, channelData[0]?.length ?? 0)
      before -= skipped
      yield { rate: RATE, channels: channelData.map((samples) => samples.subarray(skipped)) }
    }
  } finally {
    decoder.free()
  }
}
