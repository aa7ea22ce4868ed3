/** Reads a request's JSON body: counted while it arrives, UTF-8 or refused, parsed once. */
import type { IncomingMessage } from 'node:http'
import { parseJson } from '../core/canonical-json.ts'
import type { Json } from '../core/event.ts'
import { MatrixError, notJson, tooLarge } from '../core/errors.ts'

/** Against clients that send a body byte by byte (T47). */
const DEADLINE_MS = 75_000

const utf8 = new TextDecoder('utf-8', { fatal: true })

export interface JsonBody {
  readonly text: string
  readonly value: Json
}

/** The JSON value, or undefined for an empty body. Throws `M_TOO_LARGE` as soon as `maxBytes` are passed, `M_NOT_JSON` for what is no JSON text. */
export async function readJson(
  request: IncomingMessage,
  options: { maxBytes: number; numbers: 'exact' | 'plain' },
): Promise<unknown> {
  return (await readJsonBody(request, options))?.value
}

/** As `readJson`, with the text that the value was read from. */
export async function readJsonBody(
  request: IncomingMessage,
  { maxBytes, numbers }: { maxBytes: number; numbers: 'exact' | 'plain' },
): Promise<JsonBody | undefined> {
  const type = request.headers['content-type']?.toLowerCase() ?? ''
  if (type.startsWith('multipart/')) {
    throw new MatrixError(415, 'M_NOT_JSON', 'The request body must be JSON')
  }
  const bytes = await readBytes(request, maxBytes)
  if (bytes.length === 0) return undefined
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw notJson('The request body is not UTF-8')
  }
  return { text, value: parseJson(text, { numbers }) }
}

/** The whole body. Throws `M_TOO_LARGE` as soon as `maxBytes` are passed. */
export async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(`The body is over ${maxBytes} bytes`)
  const chunks: Buffer[] = []
  let size = 0
  const deadline = setTimeout(() => request.destroy(new Error('The body came too slowly')), DEADLINE_MS)
  try {
    // Leaving the loop early must not close the connection: the refusal has to reach the client.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw tooLarge(`The body is over ${maxBytes} bytes`)
      chunks.push(chunk)
    }
  } finally {
    clearTimeout(deadline)
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
}
