/** Sends requests as they are: `fetch` would put paths and headers right. */
import { type Agent, request } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface RawAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
  readonly ms: number
}

/** The answer, or undefined if none came in `waitMs`. */
export async function sendRaw(
  agent: Agent,
  {
    url,
    method,
    target,
    headers,
    body,
  }: {
    url: string
    method: string
    target: string
    headers: Readonly<Record<string, string>>
    body: string | Buffer | undefined
  },
  waitMs: number,
): Promise<RawAnswer | undefined> {
  const { hostname, port } = new URL(url)
  const started = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer | undefined>()
  const bytes = body === undefined ? undefined : Buffer.from(body as string)
  const sent = request({
    agent,
    hostname,
    port,
    method,
    path: target,
    headers: { ...headers, ...(bytes ? { 'content-length': bytes.length } : {}) },
  })
  const timer = setTimeout(() => {
    resolve(undefined)
    sent.destroy()
  }, waitMs)
  sent.on('error', reject)
  sent.on('response', (response) => {
    buffer(response).then((answer) => {
      resolve({
        status: response.statusCode ?? 0,
        contentType: response.headers['content-type'] ?? '',
        body: answer,
        ms: performance.now() - started,
      })
    }, reject)
  })
  sent.end(bytes)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}
