/** Files and thumbnails. https://spec.matrix.org/v1.19/client-server-api/#content-repository */
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { notFound, tooLarge } from '../../core/errors.ts'
import type { Requester } from '../../domain/accounts/requester.ts'
import { fileNameOf } from '../../domain/media/file-name.ts'
import type { FindOptions, Media, MediaDescription, Mxc } from '../../domain/media/media.ts'
import { endpoint, type Reply } from '../endpoint.ts'
import { flag } from '../query-flag.ts'
import type { Services } from '../services.ts'
import { mediaAnswer } from './media-answer.ts'
import { linkedMedia } from './media-link.ts'

const uploadQuery = z.looseObject({ filename: z.string().optional() })

/** A number as a query has it. */
const whole = z
  .string()
  .regex(/^\d{1,9}$/, 'a whole number, not negative')
  .transform(Number)

/** How long a download may wait for its upload. */
const MAX_TIMEOUT_MS = 60_000

export const downloadQuery = z.looseObject({
  timeout_ms: whole.default(20_000).transform((ms) => Math.min(ms, MAX_TIMEOUT_MS)),
  allow_remote: flag.default(true),
})
export const thumbnailQuery = downloadQuery.extend({
  width: whole,
  height: whole,
  method: z.enum(['crop', 'scale']).default('scale'),
  animated: flag.default(false),
})

interface Download {
  readonly params: { readonly serverName: string; readonly mediaId: string; readonly fileName?: string }
  readonly query: z.output<typeof downloadQuery>
  readonly signal: AbortSignal
  readonly request: IncomingMessage
}

async function download({ params, query, signal, request }: Download, services: Services): Promise<Reply> {
  const content = await services.media.find(mxcOf(params), findOptions(query, signal))
  return await mediaAnswer(request, content, services.mediaReader, fileNameOf(params.fileName) ?? content.fileName)
}

async function thumbnail(
  { params, query, signal, request }: Download & { readonly query: z.output<typeof thumbnailQuery> },
  { media, mediaReader, thumbnails }: Services,
): Promise<Reply> {
  const mxc = mxcOf(params)
  const original = await media.find(mxc, findOptions(query, signal))
  const { width, height, method, animated } = query
  const content = await thumbnails.get(mxc, original, { width, height, method, animated }, signal)
  return await mediaAnswer(request, content, mediaReader, `thumbnail.${content.contentType.slice('image/'.length)}`)
}

/** The old paths know who asks only if the client says so, and nothing is given to strangers: docs/adr/0005-media.md. */
function forUsers<Call>(
  handle: (call: Call, services: Services) => Promise<Reply>,
): (call: Call & { readonly who: Requester | undefined }, services: Services) => Promise<Reply> {
  return async (call, services) => {
    if (!call.who) throw notFound('Files are given to users of this server, by /_matrix/client/v1/media')
    return await handle(call, services)
  }
}

function mxcOf({ serverName, mediaId }: { serverName: string; mediaId: string }): Mxc {
  return { server: serverName, mediaId }
}

function findOptions({ timeout_ms, allow_remote }: z.output<typeof downloadQuery>, signal: AbortSignal): FindOptions {
  return { timeoutMs: timeout_ms, allowRemote: allow_remote, signal }
}

/** The file as the client describes it. What is too large by its own account is not read. */
function incoming(
  { headers }: IncomingMessage,
  { filename }: z.output<typeof uploadQuery>,
  { maxBytes }: Media,
): MediaDescription {
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(`Files here may have ${maxBytes} bytes at most`)
  return { contentType: headers['content-type'], fileName: filename }
}

const older = (path: string): string[] => ['r0', 'v1'].map((version) => `/_matrix/media/${version}${path}`)

const uploadMedia = endpoint({
  method: 'POST',
  path: '/_matrix/media/v3/upload',
  also: older('/upload'),
  auth: 'user',
  limit: 'media',
  query: uploadQuery,
  body: 'stream',
  handle: async ({ who, query, request }, { media }) => ({
    content_uri: await media.upload(who, request, incoming(request, query, media)),
  }),
})

const createMedia = endpoint({
  method: 'POST',
  path: '/_matrix/media/v1/create',
  auth: 'user',
  limit: 'media',
  handle: async ({ who }, { media }) => {
    const { uri, expiresTs } = await media.create(who)
    return { content_uri: uri, unused_expires_at: expiresTs }
  },
})

const uploadMediaTo = endpoint({
  method: 'PUT',
  path: '/_matrix/media/v3/upload/:serverName/:mediaId',
  auth: 'user',
  limit: 'media',
  query: uploadQuery,
  body: 'stream',
  handle: async ({ params, who, query, request }, { media }) => {
    await media.uploadTo(who, mxcOf(params), request, incoming(request, query, media))
    return {}
  },
})

const mediaConfig = endpoint({
  method: 'GET',
  path: '/media/config',
  since: ['v1'],
  also: ['/_matrix/media/v3/config', ...older('/config')],
  auth: 'user',
  limit: 'media',
  handle: (_call, { media }) => ({ 'm.upload.size': media.maxBytes }),
})

const given = { method: 'GET', since: ['v1'], auth: 'user', limit: 'media' } as const
const givenByOldPaths = { method: 'GET', auth: 'optional', limit: 'media' } as const

const downloadMedia = endpoint({
  ...given,
  path: '/media/download/:serverName/:mediaId',
  query: downloadQuery,
  handle: download,
})

const downloadMediaAs = endpoint({
  ...given,
  path: '/media/download/:serverName/:mediaId/:fileName',
  query: downloadQuery,
  handle: download,
})

const thumbnailMedia = endpoint({
  ...given,
  path: '/media/thumbnail/:serverName/:mediaId',
  query: thumbnailQuery,
  handle: thumbnail,
})

const downloadMediaOld = endpoint({
  ...givenByOldPaths,
  path: '/_matrix/media/v3/download/:serverName/:mediaId',
  also: older('/download/:serverName/:mediaId'),
  query: downloadQuery,
  handle: forUsers(download),
})

const downloadMediaAsOld = endpoint({
  ...givenByOldPaths,
  path: '/_matrix/media/v3/download/:serverName/:mediaId/:fileName',
  also: older('/download/:serverName/:mediaId/:fileName'),
  query: downloadQuery,
  handle: forUsers(download),
})

const thumbnailMediaOld = endpoint({
  ...givenByOldPaths,
  path: '/_matrix/media/v3/thumbnail/:serverName/:mediaId',
  also: older('/thumbnail/:serverName/:mediaId'),
  query: thumbnailQuery,
  handle: forUsers(thumbnail),
})

export const mediaEndpoints = [
  uploadMedia,
  createMedia,
  uploadMediaTo,
  mediaConfig,
  downloadMedia,
  downloadMediaAs,
  thumbnailMedia,
  downloadMediaOld,
  downloadMediaAsOld,
  thumbnailMediaOld,
  linkedMedia,
]
