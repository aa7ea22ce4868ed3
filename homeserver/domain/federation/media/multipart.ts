/** Bodies of type `multipart/mixed`, read as they come. https://www.rfc-editor.org/rfc/rfc2046#section-5.1 */
import { Readable } from 'node:stream'

export interface Part {
  /** By lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  /** Must be read or destroyed. Fails if the body ends before the part does. */
  readonly content: Readable
}

export class MultipartError extends Error {
  override name = 'MultipartError'
}

/** Bytes up to the content of the part that is wanted: the parts before it are read into memory. */
const MAX_HEAD = 128 * 1024

export function boundaryOf(contentType: string | undefined): string | undefined {
  const [, quoted, plain] =
    /^multipart\/mixed\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType ?? '') ?? []
  return quoted ?? plain
}

/** The second part of a body, which answers of other servers have their file in. Throws `MultipartError`. */
export async function secondPart(body: Readable, boundary: string): Promise<Part> {
  const delimiter = `\r\n--${boundary}`
  const chunks = body.iterator({ destroyOnReturn: true }) as AsyncIterator<Buffer, undefined>
  let head = Buffer.from('\r\n') // the first delimiter may begin the body
  for (;;) {
    const found = findSecond(head.toString('latin1'), delimiter)
    if (found) {
      const rest = head.subarray(found.contentAt)
      return { headers: headersIn(found.headers), content: Readable.from(contentOf(rest, chunks, delimiter)) }
    }
    const chunk = head.length > MAX_HEAD ? undefined : (await chunks.next()).value
    if (!chunk) {
      body.destroy()
      throw new MultipartError('The body has no second part')
    }
    head = Buffer.concat([head, chunk])
  }
}

function findSecond(text: string, delimiter: string): { headers: string; contentAt: number } | undefined {
  const first = text.indexOf(delimiter)
  const second = first < 0 ? -1 : text.indexOf(delimiter, first + delimiter.length)
  const end = second < 0 ? -1 : text.indexOf('\r\n\r\n', second + delimiter.length)
  return end < 0 ? undefined : { headers: text.slice(second + delimiter.length, end), contentAt: end + 4 }
}

function headersIn(text: string): Map<string, string> {
  const headers = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
  return headers
}

/** What comes up to the next delimiter, of which a chunk may hold the beginning. */
async function* contentOf(
  start: Buffer,
  chunks: AsyncIterator<Buffer, undefined>,
  delimiter: string,
): AsyncGenerator<Buffer, void> {
  let held = start
  try {
    for (;;) {
      const end = held.indexOf(delimiter)
      if (end >= 0) {
        if (end > 0) yield held.subarray(0, end)
        return
      }
      const sure = held.length - delimiter.length + 1
      if (sure > 0) {
        yield held.subarray(0, sure)
        held = held.subarray(sure)
      }
      const { value: chunk } = await chunks.next()
      if (!chunk) throw new MultipartError('The body ended before its last part did')
      held = held.length > 0 ? Buffer.concat([held, chunk]) : chunk
    }
  } finally {
    await chunks.return?.()
  }
}
