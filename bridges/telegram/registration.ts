/** The registration file, made once and then kept: its tokens are what both sides know each other by. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Registration } from './config.ts'

export function newRegistration(serverName: string, url: string): Registration {
  const server = serverName.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return {
    id: 'telegram',
    url,
    as_token: randomBytes(32).toString('base64url'),
    hs_token: randomBytes(32).toString('base64url'),
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

/** Reads the file, or makes it, readable by nobody else. Another address, and what it lacks, is written into it. */
export async function ensureRegistration(path: string, serverName: string, url: string): Promise<Registration> {
  const found = await readRegistration(path)
  const made = { ...newRegistration(serverName, url), ...found, url }
  if (found?.url === url && Object.keys(found).length === Object.keys(made).length) return found
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(path, stringify(made), { mode: 0o600 })
  return made
}

async function readRegistration(path: string): Promise<Registration | undefined> {
  try {
    return parse(await readFile(path, 'utf8')) as Registration
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}
