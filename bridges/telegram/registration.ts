/** The registration file, made once and then kept: its tokens are what both sides know each other by. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Registration } from './config.ts'

export function newTokens(): { readonly as_token: string; readonly hs_token: string } {
  return { as_token: randomBytes(32).toString('base64url'), hs_token: randomBytes(32).toString('base64url') }
}

export function newRegistration(serverName: string, url: string): Registration {
  const server = serverName.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return {
    id: 'telegram',
    url,
    ...newTokens(),
    sender_localpart: 'telegrambot',
    rate_limited: false,
    protocols: ['telegram'],
    'org.domovoi.puppets': 'telegram',
    namespaces: {
      users: [{ regex: `@telegram_.*:${server}`, exclusive: true }],
      aliases: [{ regex: `#telegram_.*:${server}`, exclusive: true }],
      rooms: [],
    },
  }
}

export async function ensureRegistration(path: string, serverName: string, url: string): Promise<Registration> {
  return await fileRegistration(path, newRegistration(serverName, url))
}

/** Reads the file, or makes it, readable by nobody else. Another address, and what it lacks, is written into it. */
export async function fileRegistration<File extends { readonly url: string }>(
  path: string,
  fresh: File,
): Promise<File> {
  const found = await readRegistration<File>(path)
  const made = { ...fresh, ...found, url: fresh.url }
  if (found?.url === fresh.url && Object.keys(found).length === Object.keys(made).length) return found
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(path, stringify(made), { mode: 0o600 })
  return made
}

async function readRegistration<File>(path: string): Promise<File | undefined> {
  try {
    return parse(await readFile(path, 'utf8')) as File
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}
