import { Readable } from 'node:stream'
import type { Fetched, Fetcher, FetchOptions } from '../../homeserver/platform/fetch.ts'

export interface FakeAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON. */
  readonly body?: string | object
}

export type FakeHandler = (url: URL, options: FetchOptions) => FakeAnswer | Promise<FakeAnswer>

/** Answers instead of the network. */
export function fakeFetcher(handle: FakeHandler): Fetcher & { readonly asked: string[] } {
  const asked: string[] = []
  async function fetchBuffer(url: string | URL, options: FetchOptions = {}): Promise<Fetched<Buffer>> {
    asked.push(`${options.method ?? 'GET'} ${String(url)}`)
    const { status = 200, headers = {}, body = '' } = await handle(new URL(url), options)
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return { status, headers, url: String(url), body: Buffer.from(text) }
  }
  return Object.assign(fetchBuffer, {
    asked,
    stream: async (url: string | URL, options?: FetchOptions): Promise<Fetched<Readable>> => {
      const answer = await fetchBuffer(url, options)
      return { ...answer, body: Readable.from([answer.body]) }
    },
    close: () => undefined,
  })
}
