/** How people show who they are on the server's own pages: one way first, and perhaps a second factor after it. */
import { MatrixError } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import type { Login } from '../accounts/login.ts'
import { emailAddress } from '../accounts/threepids/addresses.ts'
import type { ThreePids } from '../accounts/threepids/threepids.ts'
import type { BrowserSessions } from './browser-sessions.ts'

/** What a form has, by the names of its fields. */
export type FormFields = URLSearchParams

/** A form of the login page. Others join the list in `compose.ts`. */
export interface LoginMethod {
  readonly id: string
  /** Whether it shows both what people have and what only they know or are: no second factor is asked for after it. */
  readonly isWhole?: boolean
  /** The fields, in their order; how they are called is in the catalogue of messages. */
  readonly fields: readonly LoginField[]
  /** Who has filled the form, in the browser with this cookie. Throws a `MatrixError` that says why it does not do. */
  prove(fields: FormFields, ip: string, cookie: string): Promise<UserId>
}

export interface LoginField {
  readonly name: string
  /** A passkey is shown by the browser, with a script: the form is hidden where that does not run. */
  readonly type: 'text' | 'password' | 'passkey'
  /** For password managers: https://html.spec.whatwg.org/#autofill-field */
  readonly autocomplete: string
}

/** Something the person has, asked for after the first step by those who have set it up. */
export interface SecondFactor {
  readonly id: string
  /** Whether it is only good in place of another, and not asked for by itself. */
  readonly isSubstitute?: boolean
  readonly field: LoginField
  isSetUp(userId: UserId): Promise<boolean>
  /** Whether the field is right. Throws `M_LIMIT_EXCEEDED` after too many that were not. */
  prove(userId: UserId, fields: FormFields, ip: string, cookie: string): Promise<boolean>
}

/** Who has taken the first step. */
interface Halfway {
  readonly userId: UserId
  readonly awaitsFactor: string
}

export class PasswordMethod implements LoginMethod {
  readonly id = 'password'
  readonly fields = [
    // Browsers offer passkeys among the names.
    { name: 'username', type: 'text', autocomplete: 'username webauthn' },
    { name: 'password', type: 'password', autocomplete: 'current-password' },
  ] as const
  readonly #login: Login
  readonly #threePids: ThreePids

  constructor({ login, threePids }: { login: Login; threePids: ThreePids }) {
    this.#login = login
    this.#threePids = threePids
  }

  async prove(fields: FormFields, ip: string): Promise<UserId> {
    const given = fields.get('username')?.trim() ?? ''
    const user = (await this.#ownerOf(given)) ?? given
    return await this.#login.byPassword(user, fields.get('password') ?? '', ip)
  }

  /** Whose e-mail address it is; a user id begins with the sign that stands within an address. */
  async #ownerOf(given: string): Promise<UserId | undefined> {
    if (given.indexOf('@') < 1) return undefined
    return await this.#threePids.ownerOf(emailAddress(given))
  }
}

export class SignIn {
  readonly methods: readonly LoginMethod[]
  readonly secondFactors: readonly SecondFactor[]
  readonly #browserSessions: BrowserSessions
  readonly #steps: Counter<'step' | 'result'>

  constructor(parts: {
    metrics: Metrics
    browserSessions: BrowserSessions
    methods: readonly LoginMethod[]
    secondFactors: readonly SecondFactor[]
  }) {
    this.#browserSessions = parts.browserSessions
    this.methods = parts.methods
    this.secondFactors = parts.secondFactors
    this.#steps = parts.metrics.counter('login_steps_total', 'What people showed on the login page', ['step', 'result'])
  }

  /** Who has filled the form of a method. Throws as it does. */
  async prove(method: LoginMethod, fields: FormFields, ip: string, cookie: string): Promise<UserId> {
    return await this.#counted(method.id, () => method.prove(fields, ip, cookie))
  }

  /** After the first step: a session, which waits for the second factor if one is needed. Gives the new cookie. */
  async begin(
    userId: UserId,
    before: string | undefined,
    { isWhole = false }: Pick<LoginMethod, 'isWhole'> = {},
  ): Promise<{ cookie: string; isComplete: boolean }> {
    const awaitsFactor = isWhole ? undefined : await this.#factorOf(userId)
    const cookie = await this.#browserSessions.begin(userId, { awaitsFactor, before })
    return { cookie, isComplete: awaitsFactor === undefined }
  }

  /** The factor that is to be shown, and those of the user that do in its place. */
  async factorsFor({ userId, awaitsFactor }: Halfway): Promise<readonly SecondFactor[]> {
    const found: SecondFactor[] = []
    for (const factor of this.secondFactors) {
      const isGood = factor.isSubstitute === true ? await factor.isSetUp(userId) : factor.id === awaitsFactor
      if (isGood) found.push(factor)
    }
    return found
  }

  /** After the second: a whole session. Undefined if the factor is wrong. */
  async complete(
    visit: Halfway & { readonly cookie: string },
    fields: FormFields,
    ip: string,
  ): Promise<string | undefined> {
    const shown = fields.get('method') ?? visit.awaitsFactor
    const factor = (await this.factorsFor(visit)).find(({ id }) => id === shown)
    if (!factor) return undefined
    const isRight = await this.#counted(factor.id, () => factor.prove(visit.userId, fields, ip, visit.cookie))
    if (!isRight) return undefined
    return await this.#browserSessions.begin(visit.userId, { before: visit.cookie })
  }

  async #counted<Result>(step: string, prove: () => Promise<Result>): Promise<Result> {
    try {
      const result = await prove()
      this.#steps.inc({ step, result: result === false ? 'refused' : 'accepted' })
      return result
    } catch (error) {
      this.#steps.inc({ step, result: error instanceof MatrixError ? 'refused' : 'failed' })
      throw error
    }
  }

  /** Whether the password alone is not enough. */
  async needsSecondFactor(userId: UserId): Promise<boolean> {
    return (await this.#factorOf(userId)) !== undefined
  }

  async #factorOf(userId: UserId): Promise<string | undefined> {
    for (const factor of this.secondFactors) {
      if (factor.isSubstitute !== true && (await factor.isSetUp(userId))) return factor.id
    }
    return undefined
  }
}
