/** Packets of the first stream in an Ogg file. https://www.rfc-editor.org/rfc/rfc3533 */
import type { Bytes } from './bytes.ts'
import { UnplayableError } from './pcm.ts'

/** The longest packet that is taken: of Opus none is longer. */
const MAX_PACKET = 61_440
/** The tags before the sound may have a picture in them. */
const MAX_TAGS = 16 * 1024 * 1024
const FIRST_SOUND = 2

export async function* packetsOf(bytes: Bytes): AsyncGenerator<Buffer, void> {
  let [stream, count, kept]: [number | undefined, number, Buffer[]] = [undefined, 0, []]
  for (let head = await bytes.take(27); head; head = await bytes.take(27)) {
    if (head.toString('latin1', 0, 4) !== 'OggS') throw new UnplayableError('no Ogg file, or broken')
    const serial = head.readUInt32LE(14)
    const table = await bytes.take(head.readUInt8(26))
    const body = table && (await bytes.take(table.reduce((sum, size) => sum + size, 0)))
    if (!body) return // cut off
    stream ??= serial
    if (serial !== stream) continue
    let [from, to] = [0, 0]
    for (const size of table) {
      to += size
      if (size === 255) continue // goes on, perhaps on the next page
      kept.push(body.subarray(from, to))
      yield Buffer.concat(kept)
      count++
      kept = []
      from = to
    }
    if (to > from) kept.push(body.subarray(from, to))
    const most = count < FIRST_SOUND ? MAX_TAGS : MAX_PACKET
    if (kept.reduce((sum, part) => sum + part.length, 0) > most) throw new UnplayableError('an endless packet')
  }
}
