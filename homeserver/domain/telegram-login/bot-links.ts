/** Linking by commands, and what a linked person may do from Telegram. */
import { randomBytes } from 'node:crypto'
import { forbidden, MatrixError } from '../../core/errors.ts'
import { isUserId, type ServerName, serverNameOf, type UserId } from '../../core/ids.ts'
import type { LinkAnswer, LinkRefusal, TelegramPerson } from '../../core/telegram-login.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import * as store from '../../storage/telegram-login.ts'
import type { Accounts } from '../accounts/accounts.ts'
import { hashToken } from '../accounts/session-token.ts'
import type { Sessions } from '../accounts/sessions.ts'
import type { Devices } from '../devices/devices.ts'
import type { BrowserSessions } from '../oauth/browser-sessions.ts'
import type { ExternalAccounts } from '../sso/external-accounts.ts'
import { provider, type TelegramPeople } from './people.ts'

const LINK_MS = 10 * 60_000

interface BotLinksParts {
  readonly database: Database
  readonly clock: Clock
  readonly serverName: ServerName
  readonly accounts: Accounts
  readonly externalAccounts: ExternalAccounts
  readonly people: TelegramPeople
  readonly sessions: Sessions
  readonly browserSessions: BrowserSessions
  readonly devices: Devices
}

export class BotLinks {
  readonly #parts: BotLinksParts

  constructor(parts: BotLinksParts) {
    this.#parts = parts
  }

  /** For a user whom the bridge has heard in Matrix. Throws `M_FORBIDDEN` for one who cannot have a link. */
  async start(userId: string): Promise<{ readonly nonce: string; readonly expires_in_ms: number }> {
    const { database, clock, serverName, accounts } = this.#parts
    const account = isUserId(userId) && serverNameOf(userId) === serverName ? await accounts.find(userId) : undefined
    const isUsable = account && !account.isDeactivated && !account.isLocked && !account.isSuspended
    if (!isUsable || account.appserviceId !== undefined) throw forbidden('Only users of this server link their account')
    const nonce = randomBytes(32).toString('base64url')
    await database.transaction('begin link', (tx) =>
      store.addLink(tx, hashToken(nonce), account.userId, clock.steady() + LINK_MS),
    )
    return { nonce, expires_in_ms: LINK_MS }
  }

  /** A link that two people open is over. */
  async open(person: TelegramPerson, nonce: string): Promise<LinkAnswer> {
    const { database, clock, people, externalAccounts } = this.#parts
    await people.note(person)
    const nonceHash = hashToken(nonce)
    const userId = await database.transaction('open link', async (tx) => {
      const opened = await store.openLink(tx, nonceHash, person.id, clock.steady())
      if (opened === undefined) await store.removeLink(tx, nonceHash)
      return opened
    })
    if (userId === undefined) return refused('bad_link')
    const isTaken = await externalAccounts.find({ provider, subject: person.id })
    return isTaken ? refused('taken') : { kind: 'ask', user_id: userId }
  }

  async confirm(tgUser: string, nonce: string): Promise<LinkAnswer> {
    const { database, clock, externalAccounts } = this.#parts
    const userId = await database.transaction('take link', (tx) =>
      store.takeLink(tx, hashToken(nonce), tgUser, clock.steady()),
    )
    if (userId === undefined) return refused('bad_link')
    return await answered('taken', async () => {
      await externalAccounts.link(userId, { provider, subject: tgUser })
      return { kind: 'linked', user_id: userId }
    })
  }

  async unlink(tgUser: string): Promise<LinkAnswer> {
    const { externalAccounts } = this.#parts
    const userId = await this.#userOf(tgUser)
    if (userId === undefined) return refused('not_linked')
    return await answered('only_way', async () => {
      await externalAccounts.unlink(userId, provider)
      return { kind: 'unlinked', user_id: userId }
    })
  }

  async listSessions(tgUser: string) {
    const userId = await this.#userOf(tgUser)
    const devices = userId === undefined ? [] : await this.#parts.devices.list(userId)
    return devices
      .toSorted((one, other) => (other.lastSeenTs ?? 0) - (one.lastSeenTs ?? 0))
      .map(({ deviceId, displayName, lastSeenTs }) => ({
        device_id: deviceId,
        ...(displayName === undefined ? {} : { name: displayName }),
        ...(lastSeenTs === undefined ? {} : { last_seen_ts: lastSeenTs }),
      }))
  }

  async endSessions(tgUser: string, deviceId: string | undefined): Promise<void> {
    const { sessions, browserSessions } = this.#parts
    const userId = await this.#userOf(tgUser)
    if (userId === undefined) return
    if (deviceId !== undefined) return await sessions.end(userId, [deviceId])
    await browserSessions.endAll(userId)
    await sessions.endAll(userId)
  }

  async #userOf(tgUser: string): Promise<UserId | undefined> {
    return (await this.#parts.externalAccounts.find({ provider, subject: tgUser }))?.userId
  }
}

const refused = (reason: LinkRefusal): LinkAnswer => ({ kind: 'refused', reason })

/** What is forbidden is an answer for the person who asks. */
async function answered(reason: LinkRefusal, act: () => Promise<LinkAnswer>): Promise<LinkAnswer> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof MatrixError && error.errcode === 'M_FORBIDDEN') return refused(reason)
    throw error
  }
}
