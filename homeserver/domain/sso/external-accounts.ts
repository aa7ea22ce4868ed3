/** The accounts of people whom somebody else knows: a Telegram user, somebody at an OpenID provider. */
import { forbidden, refuse } from '../../core/errors.ts'
import { isUserLocalpart, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database, Tx } from '../../storage/database.ts'
import * as store from '../../storage/external-ids.ts'
import type { ExternalId, ExternalKey, SignUp } from '../../storage/external-ids.ts'
import type { Departure, ExternalLogins } from '../accounts/hooks.ts'
import { usable } from '../accounts/login.ts'
import type { Profiles } from '../accounts/profiles.ts'
import type { Registration } from '../accounts/registration.ts'
import { requesterFor } from '../accounts/requester.ts'
import { hashToken } from '../accounts/session-token.ts'
import { maxDisplayName } from '../limits.ts'

export type { ExternalId, ExternalKey, SignUp } from '../../storage/external-ids.ts'

/** What a provider says about somebody. Its texts are of strangers. */
export interface ExternalPerson extends ExternalKey {
  readonly username?: string | undefined
  readonly name?: string | undefined
  readonly avatarUrl?: string | undefined
}

/** What others may want to hear, in the transaction in which it happens. */
export type ExternalNews = ExternalKey & { readonly userId: UserId } & (
    { readonly type: 'logged_in'; readonly isNew: boolean } | { readonly type: 'linked' | 'unlinked' }
  )
type Listener = (tx: Tx, news: ExternalNews) => Promise<void>

const SIGN_UP_MS = 15 * 60_000
const MAX_NAME = 100

export class ExternalAccounts implements Departure, ExternalLogins {
  readonly #database: Database
  readonly #clock: Clock
  readonly #registration: Registration
  readonly #profiles: Profiles
  #listeners: readonly Listener[] = []

  constructor(parts: { database: Database; clock: Clock; registration: Registration; profiles: Profiles }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#registration = parts.registration
    this.#profiles = parts.profiles
  }

  subscribe(listener: Listener): void {
    this.#listeners = [...this.#listeners, listener]
  }

  async #tell(tx: Tx, news: ExternalNews): Promise<void> {
    for (const listener of this.#listeners) await listener(tx, news)
  }

  async find(key: ExternalKey): Promise<ExternalId | undefined> {
    return await store.findExternalId(this.#database, key)
  }

  async list(userId: string): Promise<ExternalId[]> {
    return await store.listExternalIds(this.#database, userId)
  }

  async has(userId: UserId): Promise<boolean> {
    return (await this.list(userId)).length > 0
  }

  /** Whose account it is, undefined for a stranger. Throws `M_USER_DEACTIVATED` and `M_USER_LOCKED`. */
  async logIn(person: ExternalPerson): Promise<UserId | undefined> {
    const known = await this.find(person)
    const account = known && (await findAccount(this.#database, known.userId))
    if (!account) return undefined
    const userId = usable(account)
    await this.#database.transaction('note login', async (tx) => {
      await store.noteExternalLogin(tx, person, this.#clock.now())
      await this.#tell(tx, { ...keyOf(person), userId, type: 'logged_in', isNew: false })
    })
    return userId
  }

  /** Remembers a stranger, until the browser with this cookie has chosen a user name. */
  async beginSignUp(cookie: string, person: ExternalPerson): Promise<void> {
    const { provider, subject, avatarUrl } = person
    const signUp = {
      provider,
      subject,
      localpart: await this.#nameFor(person),
      displayname: cleanName(person.name),
      avatarUrl,
    }
    const expiresTs = this.#clock.steady() + SIGN_UP_MS
    await this.#database.transaction('begin sign-up', (tx) => store.setSignUp(tx, hashToken(cookie), signUp, expiresTs))
  }

  async signUpOf(cookie: string): Promise<SignUp | undefined> {
    return await store.findSignUp(this.#database, hashToken(cookie), this.#clock.steady())
  }

  /**
   * Makes the account, once. Throws what `Registration` throws, and `M_FORBIDDEN` if the person has got an account in
   * the meantime.
   */
  async signUp(
    cookie: string,
    chosen: { username: string; registrationToken?: string | undefined; acceptedTerms?: string | undefined },
  ): Promise<UserId> {
    const signUp = await this.signUpOf(cookie)
    if (!signUp) throw refuse(403, 'M_OLD_FORM', 'This took too long: begin again')
    const userId = await this.#registration.checkAvailable(chosen.username)
    const { displayname = chosen.username, avatarUrl } = signUp
    await this.#registration.register({
      userId,
      displayname,
      avatarUrl,
      registrationToken: chosen.registrationToken,
      acceptedTerms: chosen.acceptedTerms,
      within: async (tx) => {
        if (!(await store.removeSignUp(tx, hashToken(cookie)))) throw forbidden('There is an account already')
        const now = this.#clock.now()
        const shown = { shownName: displayname, shownAvatar: avatarUrl }
        await this.#add(tx, { ...keyOf(signUp), userId, linkedTs: now, lastLoginTs: now, ...shown })
        await this.#tell(tx, { ...keyOf(signUp), userId, type: 'logged_in', isNew: true })
      },
    })
    return userId
  }

  /** Throws `M_FORBIDDEN` if one of the two has a link already. */
  async link(userId: UserId, { provider, subject }: ExternalKey): Promise<void> {
    const link = { provider, subject, userId, linkedTs: this.#clock.now() }
    const nothing = { lastLoginTs: undefined, shownName: undefined, shownAvatar: undefined }
    await this.#database.transaction('link account', async (tx) => {
      await this.#add(tx, { ...link, ...nothing })
      await this.#tell(tx, { provider, subject, userId, type: 'linked' })
    })
  }

  async #add(tx: Tx, added: ExternalId): Promise<void> {
    if (!(await store.addExternalId(tx, added))) throw forbidden('One of the two is linked already: unlink it first')
  }

  /** False if there was no link. Throws `M_FORBIDDEN` where nobody could log in any more. */
  async unlink(userId: UserId, provider: string): Promise<boolean> {
    return await this.#database.transaction('unlink account', async (tx) => {
      const links = await store.listExternalIds(tx, userId)
      const hasPassword = (await findAccount(tx, userId))?.passwordHash !== undefined
      const link = links.find((one) => one.provider === provider)
      if (!link) return false
      if (links.length === 1 && !hasPassword) throw forbidden('This is the only way to log in: set a password first')
      await this.#tell(tx, { ...keyOf(link), userId, type: 'unlinked' })
      return await store.removeExternalId(tx, userId, provider)
    })
  }

  /** Takes over name and picture from there, unless the user has chosen others here. */
  async refreshProfile(person: ExternalPerson): Promise<void> {
    const known = await this.find(person)
    if (!known) return
    const { userId, shownName, shownAvatar } = known
    const { displayname, avatar_url: avatar } = await this.#profiles.get(userId)
    const name = cleanName(person.name)
    const takesName = name !== undefined && name !== shownName && (displayname ?? undefined) === shownName
    const picture = person.avatarUrl
    const takesPicture = picture !== undefined && picture !== shownAvatar && (avatar ?? undefined) === shownAvatar
    const who = requesterFor(userId, person.provider)
    if (takesName) await this.#profiles.set(who, userId, 'displayname', name)
    if (takesPicture) await this.#profiles.set(who, userId, 'avatar_url', picture)
    if (!takesName && !takesPicture) return
    const shown = { name: takesName ? name : shownName, avatar: takesPicture ? picture : shownAvatar }
    await this.#database.transaction('note profile', (tx) => store.setShown(tx, person, shown))
  }

  async leave(userId: UserId): Promise<void> {
    await this.#database.transaction('forget links', (tx) => store.removeExternalIdsOf(tx, userId))
  }

  async sweep(): Promise<void> {
    await this.#database.transaction('forget sign-ups', (tx) => store.removeExpiredSignUps(tx, this.#clock.steady()))
  }

  /** Their name there if it does here, and else one of provider and id, such as `tg42`. */
  async #nameFor({ username = '', provider, subject }: ExternalPerson): Promise<string | undefined> {
    const prefix = provider === 'telegram' ? 'tg' : `${provider}-`
    for (const name of [username.toLowerCase(), `${prefix}${subject}`.toLowerCase()]) {
      if (isUserLocalpart(name) && (await this.#isFree(name))) return name
    }
    return undefined
  }

  async #isFree(name: string): Promise<boolean> {
    return await this.#registration.checkAvailable(name).then(
      () => true,
      () => false,
    )
  }
}

const keyOf = ({ provider, subject }: ExternalKey): ExternalKey => ({ provider, subject })

/** Without signs that cannot be seen or that turn the line around: a name is shown beside those of others. */
function cleanName(name: string | undefined): string | undefined {
  const clean = name
    ?.replace(/[\p{Cc}\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu, '')
    .trim()
    .slice(0, Math.min(MAX_NAME, maxDisplayName))
  return clean === undefined || clean === '' ? undefined : clean
}
