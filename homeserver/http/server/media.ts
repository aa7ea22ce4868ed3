/** https://spec.matrix.org/v1.19/server-server-api/#content-repository */
import { randomBytes } from 'node:crypto'
import type { MediaContent } from '../../domain/media/media.ts'
import type { MediaReader } from '../../domain/media/reader.ts'
import { disposition } from '../client/media-answer.ts'
import { downloadQuery, thumbnailQuery } from '../client/media.ts'
import { endpoint, Reply } from '../endpoint.ts'

const asked = { method: 'GET', auth: 'server', limit: 'media' } as const

const download = endpoint({
  ...asked,
  path: '/_matrix/federation/v1/media/download/:mediaId',
  query: downloadQuery,
  handle: async ({ params: { mediaId }, query, signal }, { media, mediaReader, config }) => {
    const options = { timeoutMs: query.timeout_ms, allowRemote: false, signal }
    const content = await media.find({ server: config.server_name, mediaId }, options)
    return multipart(content, mediaReader, content.fileName)
  },
})

const thumbnail = endpoint({
  ...asked,
  path: '/_matrix/federation/v1/media/thumbnail/:mediaId',
  query: thumbnailQuery,
  handle: async ({ params: { mediaId }, query, signal }, { media, mediaReader, thumbnails, config }) => {
    const mxc = { server: config.server_name, mediaId }
    const options = { timeoutMs: query.timeout_ms, allowRemote: false, signal }
    const original = await media.find(mxc, options)
    const { width, height, method, animated } = query
    const content = await thumbnails.get(mxc, original, { width, height, method, animated }, signal)
    return multipart(content, mediaReader, `thumbnail.${content.contentType.slice('image/'.length)}`)
  },
})

/** Two parts: what is known about the file, which is nothing yet, and the file. */
function multipart(content: MediaContent, reader: MediaReader, fileName: string | undefined): Reply {
  const boundary = randomBytes(24).toString('hex')
  const head =
    `--${boundary}\r\nContent-Type: application/json\r\n\r\n{}\r\n--${boundary}\r\nContent-Type: ${content.contentType}\r\n` +
    `Content-Disposition: ${disposition(content.contentType, fileName)}\r\n\r\n`
  const tail = `\r\n--${boundary}--\r\n`
  async function* pieces(): AsyncGenerator<string | Buffer> {
    yield head
    if (content.size > 0) yield* await reader.read(content)
    yield tail
  }
  return new Reply(200, pieces(), {
    'Content-Type': `multipart/mixed; boundary=${boundary}`,
    'Content-Length': String(Buffer.byteLength(head) + content.size + tail.length),
  })
}

export const federatedMediaEndpoints = [download, thumbnail]
