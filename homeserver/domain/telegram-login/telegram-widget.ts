/**
 * Telegram's login widget: its script sends people back with who they are, signed with the token of the bot. Mini Apps are
 * signed with another key made of it, and are nothing here. https://core.telegram.org/widgets/login#checking-authorization
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../platform/secret.ts'
import type { Database } from '../../storage/database.ts'
import { useProof } from '../../storage/telegram-proofs.ts'
import type { Challenge, Claims, IdentityClient } from '../sso/oidc-client.ts'
import { provider } from './people.ts'

const fields = ['auth_date', 'first_name', 'id', 'last_name', 'photo_url', 'username']
const MAX_AGE_S = 300
const LEEWAY_S = 30
/** Longer than any of them is good. */
const KEPT_MS = 10 * 60_000

interface TelegramWidgetParts {
  readonly token: Secret
  /** Where the widget sends people. */
  readonly url: string
  readonly clock: Clock
  readonly database: Database
  /** Whether this user may log in by Telegram at all. */
  readonly admits: (tgUser: string) => Promise<boolean>
}

export class TelegramWidget implements IdentityClient {
  readonly id = provider
  readonly #parts: TelegramWidgetParts

  constructor(parts: TelegramWidgetParts) {
    this.#parts = parts
  }

  async authorizationUrl({ state }: Challenge): Promise<string> {
    return await Promise.resolve(`${this.#parts.url}?${new URLSearchParams({ state }).toString()}`)
  }

  async claimsFor(query: URLSearchParams): Promise<Claims> {
    const { token, clock, database, admits } = this.#parts
    const repeated = [...fields, 'hash'].find((name) => query.getAll(name).length > 1)
    if (repeated !== undefined) throw new Error(`${repeated} is there twice`)
    const torn = fields.find((name) => query.get(name)?.includes('\n'))
    if (torn !== undefined) throw new Error(`${torn} has more than one line: it could be read as other fields`)
    const hash = signed(query, token.reveal())
    const given = Buffer.from(query.get('hash') ?? '', 'hex')
    if (given.length !== hash.length || !timingSafeEqual(given, hash))
      throw new Error('the signature is not that of Telegram')
    const age = clock.now() / 1000 - Number(query.get('auth_date'))
    if (!(age <= MAX_AGE_S && age >= -LEEWAY_S)) throw new Error(`it was signed ${Math.round(age)} s ago`)
    const subject = query.get('id') ?? ''
    if (!/^[1-9]\d*$/.test(subject) || !Number.isSafeInteger(Number(subject)))
      throw new Error('there is no Telegram id')
    const isFirst = await database.transaction('use telegram proof', (tx) =>
      useProof(tx, hash.toString('hex'), clock.now() + KEPT_MS),
    )
    if (!isFirst) throw new Error('it was used before')
    if (!(await admits(subject))) throw new Error('this user may not log in by Telegram')
    const name = [query.get('first_name'), query.get('last_name')].filter(Boolean).join(' ')
    return { subject, username: query.get('username') ?? undefined, name: name === '' ? undefined : name }
  }
}

/** Whatever else is in the query is not Telegram's. */
function signed(query: URLSearchParams, token: string): Buffer {
  const there = fields.filter((name) => query.has(name))
  const text = there.map((name) => `${name}=${query.get(name) ?? ''}`).join('\n')
  return createHmac('sha256', createHash('sha256').update(token).digest()).update(text).digest()
}
