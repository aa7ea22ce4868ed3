/** Takes the messages out of an export piece by piece: the file may be larger than the memory. */
import { messageOf } from '../../../homeserver/platform/caught.ts'

/** Of one message, and of all that is around the messages. */
const MAX_PIECE = 4 * 1024 * 1024

/** What was read is no export of one chat. The message says why, to people. */
export class ExportError extends Error {
  override name = 'ExportError'
}

const noExport = (why: string): ExportError =>
  new ExportError(`${why}. An export of one chat is wanted: in Telegram Desktop ⋮, Export chat history, format JSON`)

/** Yields each object of the array `messages` of the outermost object as text; returns the rest, where that is empty. */
export async function* splitExport(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, string> {
  const held: Buffer[] = []
  let heldSize = 0
  let outer = ''
  let depth = 0
  let inMessages = false
  let inString = false
  let isEscaped = false

  const hold = (part: Buffer): void => {
    heldSize += part.length
    if (heldSize + outer.length > MAX_PIECE) throw noExport('There is too much in one piece')
    held.push(part)
  }
  const take = (last: Buffer): string => {
    hold(last)
    const text = Buffer.concat(held.splice(0)).toString()
    heldSize = 0
    return text
  }

  for await (const chunk of chunks) {
    let from = 0
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]
      if (inString) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) inString = false
      } else if (byte === QUOTE) {
        inString = true
      } else if (byte === OBJECT || byte === ARRAY) {
        depth++
        if (inMessages && depth === 3) {
          if (!/^[\s,]*$/.test(take(chunk.subarray(from, i)))) throw noExport('Among the messages is something else')
          from = i
        } else if (depth === 2 && byte === ARRAY) {
          outer += take(chunk.subarray(from, i + 1))
          inMessages = /"messages"\s*:\s*\[$/.test(outer.slice(-100))
          from = i + 1
        }
      } else if (byte === END_OF_OBJECT || byte === END_OF_ARRAY) {
        depth--
        if (inMessages && depth === 2) {
          yield take(chunk.subarray(from, i + 1))
          from = i + 1
        } else if (inMessages && depth === 1) {
          inMessages = false
        }
      }
    }
    hold(chunk.subarray(from))
  }
  if (depth !== 0) throw noExport('The file ends too early')
  return outer + take(Buffer.alloc(0))
}

/** Throws `ExportError` for what is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw noExport(`The file is no JSON (${messageOf(error)})`)
  }
}

/** Throws `ExportError` with what stands there instead. */
export function refuse(header: unknown): never {
  const isAccount = typeof header === 'object' && header !== null && 'chats' in header
  throw noExport(
    isAccount ? 'That is the export of a whole account' : 'The file has no chat with type, id and messages',
  )
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OBJECT = 0x7b
const END_OF_OBJECT = 0x7d
const ARRAY = 0x5b
const END_OF_ARRAY = 0x5d
