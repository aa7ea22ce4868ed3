/** The registration file, made once and then kept: its tokens are what both sides know each other by. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parse, stringify } from 'yaml'

/** https://spec.matrix.org/v1.19/application-service-api/#registration */
export interface Registration {
  readonly id: string
  readonly url: string
  readonly as_token: string
  readonly hs_token: string
  readonly sender_localpart: string
  readonly rate_limited: false
  readonly protocols?: readonly string[]
  /** The login provider whose people the bridge speaks for here. Other homeservers do not know this. */
  readonly 'org.domovoi.puppets'?: string
  readonly namespaces: Readonly<Record<'users' | 'aliases' | 'rooms', readonly Namespace[]>>
}

interface Namespace {
  readonly regex: string
  readonly exclusive: boolean
}

export function newTokens(): { readonly as_token: string; readonly hs_token: string } {
  return { as_token: randomBytes(32).toString('base64url'), hs_token: randomBytes(32).toString('base64url') }
}

/** The ids of this server that begin so, which nobody else may have then. */
export const ownNamespace = (prefix: string, serverName: string): Namespace => ({
  regex: `${prefix}.*:${serverName.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`,
  exclusive: true,
})

/** Reads the file, or makes it, readable by nobody else. Another address, and what it lacks, is written into it. */
export async function fileRegistration(path: string, fresh: Registration): Promise<Registration> {
  const found = await readRegistration(path)
  const made = { ...fresh, ...found, url: fresh.url }
  if (found?.url === fresh.url && Object.keys(found).length === Object.keys(made).length) return found
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(path, stringify(made), { mode: 0o600 })
  return made
}

async function readRegistration(path: string): Promise<Registration | undefined> {
  try {
    return parse(await readFile(path, 'utf8')) as Registration // written by us
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}
