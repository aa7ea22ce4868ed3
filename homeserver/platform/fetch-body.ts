import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable, Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { Clock } from './clock.ts'
import { FetchError } from './fetch-error.ts'

/** What `readBody` understands, as `Accept-Encoding` says it. */
export const acceptedEncodings = 'gzip, deflate, br'

const decoders: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
])

export interface BodyLimits {
  /** Counted after decompression, so that a small answer cannot unfold into a large one (T45). */
  readonly maxBytes: number
  /** The longest pause between two pieces; undefined when another limit holds. */
  readonly idleMs: number | undefined
  readonly clock: Clock
}

/** The decoded body. Throws `FetchError` if the head breaks a limit already; else the stream fails with it when it does. */
export function readBody(response: IncomingMessage, limits: BodyLimits): Readable {
  const decoder = decoderOf(response)
  if (hasBody(response) && Number(response.headers['content-length'] ?? 0) > limits.maxBytes) {
    response.destroy()
    throw tooLarge(limits.maxBytes)
  }
  const bounded = boundedStream(limits)
  // The callback only keeps `pipeline` from throwing: the error reaches the reader through `bounded`.
  const done = (): void => undefined
  return decoder ? pipeline(response, decoder, bounded, done) : pipeline(response, bounded, done)
}

function decoderOf(response: IncomingMessage): Transform | undefined {
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? ''
  if (encoding === '' || encoding === 'identity' || !hasBody(response)) return undefined
  const create = decoders.get(encoding)
  if (create) return create()
  response.destroy()
  throw new FetchError('protocol', 'The answer is in an encoding that was not asked for')
}

function hasBody(response: IncomingMessage): boolean {
  const method = (response as { req?: { method?: string } }).req?.method // set by Node on answers to requests, not typed
  return method !== 'HEAD' && response.statusCode !== 204 && response.statusCode !== 304
}

const tooLarge = (maxBytes: number): FetchError =>
  new FetchError('too_large', `The answer is larger than ${maxBytes} bytes`)

function boundedStream({ maxBytes, idleMs, clock }: BodyLimits): Transform {
  let bytes = 0
  let seen = -1
  let cancel: (() => void) | undefined
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      bytes += chunk.length
      if (bytes > maxBytes) next(tooLarge(maxBytes))
      else next(null, chunk)
    },
    destroy(error, next) {
      cancel?.()
      next(error)
    },
  })
  if (idleMs === undefined) return stream
  const watch = (): void => {
    if (seen === bytes) return void stream.destroy(new FetchError('timeout', `Nothing came for ${idleMs} ms`))
    seen = bytes
    cancel = clock.after(idleMs, watch)
  }
  watch()
  return stream
}
