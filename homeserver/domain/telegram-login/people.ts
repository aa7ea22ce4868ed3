/** The bot and those who write to it. */
import { refuse } from '../../core/errors.ts'
import type { AccountAnswer, TelegramPerson } from '../../core/telegram-login.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import * as store from '../../storage/telegram-people.ts'
import type { TelegramBot } from '../../storage/telegram-people.ts'
import type { ExternalAccounts, ExternalPerson } from '../sso/external-accounts.ts'

/** As external ids have it. */
export const provider = 'telegram'

export class TelegramPeople {
  readonly #database: Database
  readonly #clock: Clock
  readonly #accounts: ExternalAccounts
  #bot: TelegramBot | undefined

  private constructor(parts: { database: Database; clock: Clock; accounts: ExternalAccounts }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#accounts = parts.accounts
  }

  static async open(parts: { database: Database; clock: Clock; accounts: ExternalAccounts }): Promise<TelegramPeople> {
    const people = new TelegramPeople(parts)
    people.#bot = await store.findBot(parts.database)
    return people
  }

  /** Undefined until a bot has told that it is there. */
  get bot(): TelegramBot | undefined {
    return this.#bot
  }

  async setBot(bot: TelegramBot): Promise<void> {
    await this.#database.transaction('set bot', async (tx) => {
      await store.setBot(tx, bot, this.#clock.now())
      tx.onCommit(() => (this.#bot = bot))
    })
  }

  async note({ id, first_name, last_name, username }: TelegramPerson, avatarUrl?: string): Promise<void> {
    const person = {
      tgUser: id,
      firstName: first_name,
      lastName: last_name ?? undefined,
      username: username ?? undefined,
      avatarUrl,
    }
    await this.#database.transaction('note person', (tx) => store.setPerson(tx, person, this.#clock.now()))
  }

  /** Name and picture as they are now, also for the account. Throws `M_INVALID_PARAM` for what is no picture. */
  async refresh(person: TelegramPerson, avatarUrl: string | undefined): Promise<void> {
    if (avatarUrl !== undefined && !avatarUrl.startsWith('mxc://')) {
      throw refuse(400, 'M_INVALID_PARAM', "'avatar_url' must be an mxc:// URI")
    }
    await this.note(person, avatarUrl)
    await this.#accounts.refreshProfile(await this.personOf(person.id))
  }

  async isLoginEnabled(tgUser: string): Promise<boolean> {
    return (await store.findPerson(this.#database, tgUser))?.isLoginEnabled !== false
  }

  async setLoginEnabled(tgUser: string, isEnabled: boolean): Promise<void> {
    const now = this.#clock.now()
    await this.#database.transaction('set login', (tx) => store.setLoginEnabled(tx, tgUser, isEnabled, now))
  }

  async personOf(tgUser: string): Promise<ExternalPerson> {
    const {
      firstName = '',
      lastName = '',
      username,
      avatarUrl,
    } = (await store.findPerson(this.#database, tgUser)) ?? {}
    return { provider, subject: tgUser, username, name: `${firstName} ${lastName}`.trim(), avatarUrl }
  }

  async accountOf(by: { readonly tg_user: string } | { readonly user_id: string }): Promise<AccountAnswer> {
    const link =
      'tg_user' in by
        ? await this.#accounts.find({ provider, subject: by.tg_user })
        : (await this.#accounts.list(by.user_id)).find((one) => one.provider === provider)
    const tgUser = link?.subject ?? ('tg_user' in by ? by.tg_user : undefined)
    return {
      ...(link ? { user_id: link.userId, tg_user: link.subject } : {}),
      login_enabled: tgUser === undefined || (await this.isLoginEnabled(tgUser)),
    }
  }
}
