/** An upload of which a half is sent at first, and the rest when its client is told to. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Client } from '../support/client.ts'

const HALF_BYTES = 256 * 1024

export interface SlowUpload {
  /** Sends the rest and gives the `mxc:` URI; undefined if the upload was refused or broken off. */
  finish(): Promise<string | undefined>
  /** Whether just these bytes can be had. */
  isAt(uri: string | undefined): Promise<boolean>
}

export function beginUpload({ url, token }: Client): SlowUpload {
  const bytes = randomBytes(2 * HALF_BYTES)
  const authorization = { Authorization: `Bearer ${token}` }
  const sending = request(`${url}/_matrix/media/v3/upload`, {
    method: 'POST',
    agent: false, // a connection of its own
    headers: { ...authorization, 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length },
  })
  sending.on('error', () => undefined) // told by `finish`
  const answered = once(sending, 'response').then(async ([response]) => {
    const body = (await json(response as IncomingMessage)) as { readonly content_uri?: string }
    return body.content_uri
  })
  const outcome = answered.catch(() => undefined)
  sending.write(bytes.subarray(0, HALF_BYTES))
  return {
    async finish() {
      sending.end(bytes.subarray(HALF_BYTES))
      return await outcome
    },
    async isAt(uri) {
      if (uri === undefined) return false
      const path = `/_matrix/client/v1/media/download/${uri.slice('mxc://'.length)}`
      const response = await fetch(url + path, { headers: authorization })
      return response.ok && bytes.equals(Buffer.from(await response.arrayBuffer()))
    },
  }
}
