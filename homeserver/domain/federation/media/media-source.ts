/** Files of other servers. https://spec.matrix.org/v1.19/server-server-api/#content-repository */
import { notFound, refuse } from '../../../core/errors.ts'
import type { Fetcher, FetchOptions } from '../../../platform/fetch.ts'
import { FetchError } from '../../../platform/fetch-error.ts'
import type { RemoteFile, RemoteFileRequest, RemoteMediaSource } from '../../media/remote-copies.ts'
import type { Mxc } from '../../media/media.ts'
import { type FederationClient, federationPath } from '../client.ts'
import { FederationError, unusable } from '../federation-error.ts'
import { fileNameIn } from './content-disposition.ts'
import { boundaryOf, MultipartError, secondPart } from './multipart.ts'

/** Beside the time that the other server may wait for an upload. */
const ANSWER_MS = 20_000
/** What is around the file in an answer of several parts. */
const ENVELOPE_BYTES = 256 * 1024
const MAX_REDIRECTS = 3

export class FederatedMediaSource implements RemoteMediaSource {
  readonly #client: FederationClient
  readonly #fetch: Fetcher

  constructor({ client, fetch }: { client: FederationClient; fetch: Fetcher }) {
    this.#client = client
    this.#fetch = fetch
  }

  async open(mxc: Mxc, request: RemoteFileRequest): Promise<RemoteFile> {
    try {
      return await this.#openSigned(mxc, request)
    } catch (error) {
      if (!(error instanceof FederationError)) throw error
      if (isUnknownPath(error)) return await this.#openOld(mxc, request).catch((reason: unknown) => refuseAs(reason))
      return refuseAs(error)
    }
  }

  async #openSigned({ server, mediaId }: Mxc, request: RemoteFileRequest): Promise<RemoteFile> {
    const { timeoutMs, maxBytes } = request
    const answer = await this.#client.open('GET', server, federationPath`/v1/media/download/${mediaId}`, {
      query: { timeout_ms: timeoutMs },
      maxBytes: maxBytes + ENVELOPE_BYTES,
      timeoutMs: timeoutMs + ANSWER_MS,
      signal: request.signal,
    })
    const boundary = boundaryOf(answer.headers['content-type'])
    if (boundary === undefined) {
      answer.body.destroy()
      throw unusable(server, 'did not answer with a file')
    }
    try {
      const { headers, content } = await secondPart(answer.body, boundary)
      const location = headers.get('location')
      if (location === undefined)
        return fileOf(content, headers.get('content-type'), headers.get('content-disposition'))
      content.destroy()
      return await this.#openAt(location, server, request)
    } catch (error) {
      throw error instanceof MultipartError ? unusable(server, 'did not answer with a file', error) : error
    }
  }

  /** Where the server keeps its files: any address that may be dialled, and nobody is told who asks. */
  async #openAt(location: string, server: string, { maxBytes, signal }: RemoteFileRequest): Promise<RemoteFile> {
    const options: FetchOptions = {
      maxBytes,
      signal,
      timeoutMs: ANSWER_MS,
      redirects: MAX_REDIRECTS,
      protocols: ['https:'],
    }
    const { status, headers, body } = await this.#fetch.stream(location, options).catch((error: unknown) => {
      throw error instanceof FetchError ? unusable(server, 'keeps its file where it cannot be had', error) : error
    })
    if (status === 200) return fileOf(body, headers['content-type'], headers['content-disposition'])
    body.destroy()
    throw unusable(server, `keeps its file where the answer is ${status}`)
  }

  /** Servers from before files were given to those only who sign their request. */
  async #openOld({ server, mediaId }: Mxc, request: RemoteFileRequest): Promise<RemoteFile> {
    const { timeoutMs, maxBytes, signal } = request
    const path = `/_matrix/media/v3/download/${encodeURIComponent(server)}/${mediaId}`
    const { headers, body } = await this.#client.open('GET', server, path, {
      query: { allow_remote: 'false', timeout_ms: timeoutMs },
      maxBytes,
      timeoutMs: timeoutMs + ANSWER_MS,
      signal,
    })
    return fileOf(body, headers['content-type'], headers['content-disposition'])
  }
}

function fileOf(
  body: RemoteFile['body'],
  contentType: string | undefined,
  disposition: string | undefined,
): RemoteFile {
  return { body, contentType, fileName: fileNameIn(disposition) }
}

/** https://spec.matrix.org/v1.19/server-server-api/#unsupported-endpoints */
function isUnknownPath({ remote }: FederationError): boolean {
  if (!remote || (remote.status !== 404 && remote.status !== 405)) return false
  return remote.errcode === 'M_UNRECOGNIZED' || remote.body === undefined
}

/** Says what clients know how to deal with (T53). */
function refuseAs(error: unknown): never {
  const { remote, cause } = error instanceof FederationError ? error : {}
  if (remote?.status === 404) throw notFound('There is no such file')
  if (remote?.errcode === 'M_NOT_YET_UPLOADED') {
    throw refuse(504, 'M_NOT_YET_UPLOADED', 'This file has not been uploaded yet')
  }
  const isTooLarge = remote?.errcode === 'M_TOO_LARGE' || (cause instanceof FetchError && cause.failure === 'too_large')
  if (isTooLarge) throw refuse(502, 'M_TOO_LARGE', 'This file is too large')
  throw error
}
