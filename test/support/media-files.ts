/** What tests of media look at and wait for. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from './client.ts'

export const media = '/_matrix/client/v1/media'

/** All files below a directory, with their paths. */
export async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

export interface Download {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

/** An answer that is not JSON, byte by byte. */
export async function download(client: Client, path: string, headers: Record<string, string> = {}): Promise<Download> {
  const authorization: Record<string, string> = client.token === '' ? {} : { Authorization: `Bearer ${client.token}` }
  const response = await fetch(client.url + path, { headers: { ...authorization, ...headers } })
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
}

/** Gives `server/id`, as it stands in paths. */
export async function upload(client: Client, body: string | Buffer, type?: string, query = ''): Promise<string> {
  const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type }
  const answer = await client.request('POST', `/_matrix/media/v3/upload${query}`, body, headers)
  if (answer.status !== 200) throw new Error(`upload: ${answer.status} ${JSON.stringify(answer.body)}`)
  return String(answer.body['content_uri']).replace(/^mxc:\/\//, '')
}
