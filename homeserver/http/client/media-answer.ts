/** A stored file as an HTTP answer: safe to open in a browser, in parts if asked, not sent twice. */
import type { IncomingMessage } from 'node:http'
import type { MediaContent } from '../../domain/media/media.ts'
import type { ByteRange } from '../../domain/media/media-store.ts'
import type { MediaReader } from '../../domain/media/reader.ts'
import { Reply } from '../endpoint.ts'

/** What a browser shows without running anything. https://spec.matrix.org/v1.19/client-server-api/#serving-inline-content */
const inlineTypes = new Set([
  'text/css',
  'text/plain',
  'text/csv',
  'application/json',
  'application/ld+json',
  'image/jpeg',
  'image/gif',
  'image/png',
  'image/apng',
  'image/webp',
  'image/avif',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'video/quicktime',
  'audio/mp4',
  'audio/webm',
  'audio/aac',
  'audio/mpeg',
  'audio/ogg',
  'audio/wave',
  'audio/wav',
  'audio/x-wav',
  'audio/x-pn-wav',
  'audio/flac',
  'audio/x-flac',
])

/** https://spec.matrix.org/v1.19/client-server-api/#content-repository */
const safety = {
  'Content-Security-Policy':
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; " +
    "media-src 'self'; object-src 'self';",
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Robots-Tag': 'noindex, nofollow',
} as const

/** An id never gets other content, but only those who are logged in may have it. */
const caching = { 'Cache-Control': 'private, max-age=31536000, immutable', 'Accept-Ranges': 'bytes' } as const

/** `fileName` wins over the name that the file was uploaded with. */
export async function mediaAnswer(
  { method, headers: asked }: IncomingMessage,
  content: MediaContent,
  reader: MediaReader,
  fileName = content.fileName,
): Promise<Reply> {
  const { size, contentType } = content
  const etag = `"${content.sha256}"`
  const headers = {
    ...safety,
    ...caching,
    'Content-Type': contentType,
    'Content-Disposition': disposition(contentType, fileName),
    ETag: etag,
  }
  if (matches(asked['if-none-match'], etag)) return new Reply(304, undefined, headers)

  const ifRange = asked['if-range']
  const range = ifRange === undefined || ifRange === etag ? rangeOf(asked.range, size) : undefined
  if (range === 'unsatisfiable') return new Reply(416, undefined, { ...headers, 'Content-Range': `bytes */${size}` })
  const length = range ? range.end - range.start + 1 : size
  const sized = {
    ...headers,
    'Content-Length': String(length),
    ...(range ? { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` } : {}),
  }
  const body = method === 'HEAD' || length === 0 ? undefined : await reader.read(content, range)
  return new Reply(range ? 206 : 200, body, sized)
}

/** https://www.rfc-editor.org/rfc/rfc6266 */
export function disposition(contentType: string, fileName: string | undefined): string {
  const kind = inlineTypes.has(contentType.split(';', 1)[0] ?? '') ? 'inline' : 'attachment'
  if (fileName === undefined) return kind
  if (/^[\x20-\x7e]*$/.test(fileName)) return `${kind}; filename="${fileName.replace(/["\\]/g, '\\$&')}"`
  const encoded = encodeURIComponent(fileName).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${kind}; filename*=UTF-8''${encoded}`
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((tag) => [etag, `W/${etag}`, '*'].includes(tag.trim()))
}

/** One range of bytes; undefined where the header says nothing that we follow, such as several ranges. https://www.rfc-editor.org/rfc/rfc9110#name-range-requests */
function rangeOf(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined
  return start >= size ? 'unsatisfiable' : { start, end }
}
