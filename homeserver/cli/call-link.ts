/** `call link`: links by which people without an account come into the call of a room. */
import type { Config } from '../config/schema.ts'
import { parseDuration } from '../config/units.ts'
import { type Answer, withAdminApi } from './admin-api.ts'
import { UsageError } from './command.ts'

const path = '/_domovoi/admin/v1/call_links'

interface LinkOptions {
  readonly expires: string | undefined
  readonly uses: string | undefined
}

/** Gives what is to be printed. */
export async function callLink(config: Config, words: readonly string[], options: LinkOptions): Promise<string> {
  const [action, subject, userId, ...rest] = words
  if (action === 'list' && subject === undefined) return await list(config)
  if (action === 'revoke' && subject !== undefined && userId === undefined) return await revoke(config, subject)
  if (action === 'create' && subject !== undefined && userId !== undefined && rest.length === 0) {
    return await create(config, { room_id: subject, user_id: userId, ...limitsOf(options) })
  }
  throw new UsageError('link list, link create ROOM USER or link revoke LINK?')
}

async function list(config: Config): Promise<string> {
  const { call_links: links } = await withAdminApi(config, (ask) => ask('GET', path))
  const lines = (links as readonly Answer[]).map(
    ({ url, room_id: roomId, user_id: userId, expires_ts, uses, uses_allowed }) =>
      [
        url,
        roomId,
        userId,
        timeOf(expires_ts),
        `${Number(uses)} of ${uses_allowed === null ? 'any' : Number(uses_allowed)}`,
      ].join('\t'),
  )
  return lines.join('\n') || 'There are no links into calls'
}

async function create(config: Config, body: object): Promise<string> {
  const { url, expires_ts: expires } = await withAdminApi(config, (ask) => ask('POST', path, body))
  return `${String(url)}\nGood until ${timeOf(expires)}`
}

/** By the address as it was given, or the last part of it. */
async function revoke(config: Config, link: string): Promise<string> {
  const token = link.split('/').at(-1) ?? ''
  await withAdminApi(config, (ask) => ask('DELETE', `${path}/${encodeURIComponent(token)}`))
  return 'Nobody comes in by this link any more, and who did is out of the call'
}

function limitsOf({ expires, uses }: LinkOptions): object {
  const life = expires === undefined ? undefined : parseDuration(expires)
  if (expires !== undefined && life === undefined) throw new UsageError('--expires is a duration such as 12h or 14d')
  if (uses !== undefined && !/^[1-9]\d{0,5}$/.test(uses)) throw new UsageError('--uses is a number from 1 on')
  return { expires_in_ms: life, uses: uses === undefined ? undefined : Number(uses) }
}

const timeOf = (ts: unknown): string => new Date(Number(ts)).toISOString()
