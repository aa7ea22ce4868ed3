/** Interactive authentication. https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api */
import { hash, randomBytes } from 'node:crypto'
import { encodeCanonical } from '../../core/canonical-json.ts'
import { forbidden, UiaRequired } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import type { Clock } from '../../platform/clock.ts'
import type { UserId } from '../../core/ids.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import type { Medium, Purpose } from '../../storage/threepids.ts'
import * as store from '../../storage/uia.ts'
import type { CompletedStages, UiaSession } from '../../storage/uia.ts'
import type { ExternalLogins } from './hooks.ts'
import type { Login } from './login.ts'
import type { RegistrationTokens } from './registration-tokens.ts'
import type { Requester } from './requester.ts'
import { acceptedVersions, policiesOf, type Terms } from './terms.ts'
import type { Credentials, Validations } from './threepids/validations.ts'

export type UiaStage =
  | 'm.login.dummy'
  | 'm.login.password'
  | 'm.login.registration_token'
  | 'm.login.terms'
  | 'm.login.email.identity'
  | 'm.login.msisdn'
  | 'm.login.sso'

/** What a client says about itself in the `auth` of a body. */
export interface AuthData {
  readonly type?: string | undefined
  readonly session?: string | undefined
  readonly [key: string]: unknown
}

/** The request that wants authentication: what a handler is called with. */
export interface UiaCall {
  readonly who: Requester | undefined
  readonly ip: string
  readonly path: string
  readonly body: { readonly auth?: AuthData | undefined } | undefined
  readonly request: { readonly method?: string | undefined }
}

export interface UiaOptions {
  /** Ways to pass, each a list of stages. Unless told, what the user who asks logs in by. */
  readonly flows?: readonly (readonly UiaStage[])[]
  /** Lets the body change between stages, as when a client looks for the flows of registration before it asks for a name. */
  readonly bindsBody?: boolean
  /** What a proved address is for, where a flow has one. The stage gives its proof, as `credentialsIn` reads it. */
  readonly purpose?: Purpose
}

const SESSION_MS = 15 * 60_000
type Flows = readonly (readonly UiaStage[])[]

interface Refusal {
  readonly errcode: string
  readonly error: string
}

interface Challenge {
  readonly flows: readonly (readonly UiaStage[])[]
  readonly binding: Pick<UiaSession, 'userId' | 'deviceId' | 'method' | 'path' | 'bodyHash'>
}

export class Uia {
  readonly #database: Database
  readonly #clock: Clock
  readonly #login: Login
  readonly #registrationTokens: RegistrationTokens
  readonly #terms: Terms
  readonly #validations: Validations
  readonly #externalLogins: readonly ExternalLogins[]

  constructor(parts: {
    database: Database
    clock: Clock
    login: Login
    registrationTokens: RegistrationTokens
    terms: Terms
    validations: Validations
    hooks: { readonly externalLogins: readonly ExternalLogins[] }
  }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#login = parts.login
    this.#registrationTokens = parts.registrationTokens
    this.#terms = parts.terms
    this.#validations = parts.validations
    this.#externalLogins = parts.hooks.externalLogins
  }

  /**
   * Resolves once all stages of a flow are passed, with what each gave; then the session is used up. Otherwise throws
   * `UiaRequired`, whose answer tells the client what to do next, or `M_FORBIDDEN` if the session is for another request.
   * An application service needs no authentication beyond its token; an OAuth client must not know the password, so its
   * user has to go to the account page.
   */
  async require(
    call: UiaCall,
    { flows: wanted, bindsBody = true, purpose }: UiaOptions = {},
  ): Promise<CompletedStages> {
    if (call.who?.appserviceId !== undefined) return {}
    if (call.who?.clientId !== undefined) throw forbidden('This is done on the account page of the server')
    const flows = wanted ?? (await this.#flowsOf(call.who?.userId))
    const auth = call.body?.auth
    const challenge = { flows, binding: bindingOf(call, bindsBody) }
    const session = auth?.session === undefined ? undefined : await this.#resume(auth.session, challenge)
    if (auth?.session !== undefined && !session) {
      const refusal = { errcode: 'M_UNAUTHORIZED', error: 'The session is used or expired' }
      throw await this.#ask(challenge, undefined, { refusal })
    }
    // what was passed on a page needs not be passed again
    const isPassed = auth?.type === undefined || Object.hasOwn(session?.completed ?? {}, auth.type)
    if (isPassed) return await this.#finish(challenge, session, session?.completed ?? {})
    if (!flows.flat().some((stage) => stage === auth.type)) {
      const refusal = { errcode: 'M_UNRECOGNIZED', error: 'This is no stage of any flow' }
      throw await this.#ask(challenge, session, { refusal })
    }
    const passed = await this.#pass(auth.type as UiaStage, auth, call, purpose) // the line above looked
    if (typeof passed === 'object') throw await this.#ask(challenge, session, { refusal: passed })
    return await this.#finish(challenge, session, { ...session?.completed, [auth.type]: passed })
  }

  /** What somebody is asked to confirm on the page of `m.login.sso`; undefined if there is nothing. */
  async askedOnPage(
    sessionId: string,
    userId: UserId,
  ): Promise<Pick<UiaSession, 'deviceId' | 'method' | 'path'> | undefined> {
    const session = await store.findUiaSession(this.#database, sessionId, this.#clock.steady())
    return session?.userId === userId ? session : undefined
  }

  /** Passes `m.login.sso`: the user has just logged in, in a browser. False if somebody else has begun the session. */
  async passByLogin(sessionId: string, userId: UserId): Promise<boolean> {
    const session = await store.findUiaSession(this.#database, sessionId, this.#clock.steady())
    if (session?.userId !== userId) return false
    const completed = { ...session.completed, 'm.login.sso': '' }
    await this.#database.transaction('pass stage', (tx) => store.setUiaCompleted(tx, sessionId, completed))
    return true
  }

  /** By the password, and on the login page for who logs in there by others; without a password only so. */
  async #flowsOf(userId: UserId | undefined): Promise<Flows> {
    if (userId === undefined) return [['m.login.password']]
    const known = await Promise.all(this.#externalLogins.map((logins) => logins.has(userId)))
    if (!known.includes(true)) return [['m.login.password']]
    const hasPassword = (await findAccount(this.#database, userId))?.passwordHash !== undefined
    return hasPassword ? [['m.login.password'], ['m.login.sso']] : [['m.login.sso']]
  }

  /** Passes a stage on the page that clients open for stages they do not know. False if it is not passed. */
  async passByPage(sessionId: string, stage: UiaStage, auth: AuthData): Promise<boolean> {
    const session = await store.findUiaSession(this.#database, sessionId, this.#clock.steady())
    if (!session || stage === 'm.login.password' || stage === 'm.login.sso') return false
    const passed = await this.#pass(stage, auth, undefined)
    if (typeof passed === 'object') return false
    const completed = { ...session.completed, [stage]: passed }
    await this.#database.transaction('pass stage', (tx) => store.setUiaCompleted(tx, sessionId, completed))
    return true
  }

  /** The session, if it is for this very request; undefined if it is unknown, used or expired. */
  async #resume(sessionId: string, { binding }: Challenge): Promise<UiaSession | undefined> {
    const session = await store.findUiaSession(this.#database, sessionId, this.#clock.steady())
    if (!session) return undefined
    const isSame =
      session.userId === binding.userId &&
      session.deviceId === binding.deviceId &&
      session.method === binding.method &&
      session.path === binding.path &&
      (session.bodyHash === undefined || session.bodyHash === binding.bodyHash)
    if (!isSame) throw forbidden('This session authenticates another request')
    return session
  }

  /** What the stage gave, or why it is not passed. */
  async #pass(
    stage: UiaStage,
    auth: AuthData,
    call: UiaCall | undefined,
    purpose?: Purpose,
  ): Promise<string | Refusal> {
    switch (stage) {
      case 'm.login.dummy':
        return ''
      case 'm.login.password':
        return call?.who && (await this.#login.isPasswordOf(call.who.userId, auth, call.ip))
          ? ''
          : { errcode: 'M_FORBIDDEN', error: 'Wrong password' }
      case 'm.login.registration_token':
        return typeof auth['token'] === 'string' && (await this.#registrationTokens.isValid(auth['token']))
          ? auth['token']
          : { errcode: 'M_UNAUTHORIZED', error: 'The registration token is not valid' }
      case 'm.login.terms':
        return acceptedVersions(this.#terms)
      case 'm.login.sso':
        return { errcode: 'M_UNAUTHORIZED', error: 'The page has not been passed yet' }
      case 'm.login.email.identity':
      case 'm.login.msisdn':
        return (
          (purpose && (await this.#proofOf(auth, stage === 'm.login.msisdn' ? 'msisdn' : 'email', purpose))) ?? {
            errcode: 'M_UNAUTHORIZED',
            error: 'The address has not been confirmed yet',
          }
        )
    }
  }

  async #proofOf(auth: AuthData, medium: Medium, purpose: Purpose): Promise<string | undefined> {
    const credentials = credentialsOf(auth['threepid_creds'] ?? auth['threepidCreds'])
    const proof = credentials && (await this.#validations.find(credentials, purpose))
    return proof?.medium === medium ? JSON.stringify(credentials) : undefined
  }

  async #finish(
    challenge: Challenge,
    session: UiaSession | undefined,
    completed: CompletedStages,
  ): Promise<CompletedStages> {
    const isDone = challenge.flows.some((stages) => stages.every((stage) => Object.hasOwn(completed, stage)))
    if (!isDone) throw await this.#ask(challenge, session, { completed })
    if (session && !(await this.#useUp(session))) throw forbidden('This session has been used')
    return completed
  }

  async #useUp({ sessionId }: UiaSession): Promise<boolean> {
    return await this.#database.transaction('use up UIA session', (tx) => store.removeUiaSession(tx, sessionId))
  }

  async #ask(
    { flows, binding }: Challenge,
    session: UiaSession | undefined,
    { completed = session?.completed ?? {}, refusal }: { completed?: CompletedStages; refusal?: Refusal },
  ): Promise<UiaRequired> {
    const sessionId = session?.sessionId ?? randomBytes(24).toString('base64url')
    await this.#database.transaction('ask for authentication', async (tx) => {
      if (session) await store.setUiaCompleted(tx, sessionId, completed)
      else {
        const expiresTs = this.#clock.steady() + SESSION_MS
        await store.addUiaSession(tx, { ...binding, sessionId, completed, expiresTs })
      }
    })
    const body = {
      session: sessionId,
      flows: flows.map((stages) => ({ stages })),
      params: flows.flat().includes('m.login.terms') ? { 'm.login.terms': policiesOf(this.#terms) } : {},
      ...(Object.keys(completed).length > 0 ? { completed: Object.keys(completed) } : {}),
    }
    return new UiaRequired(body, refusal)
  }
}

/** The proof that one of the stages of addresses gave. */
export function credentialsIn(completed: CompletedStages): Credentials | undefined {
  const proof = completed['m.login.email.identity'] ?? completed['m.login.msisdn']
  return proof === undefined ? undefined : (JSON.parse(proof) as Credentials) // written by `#proofOf`
}

function credentialsOf(given: unknown): Credentials | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const { sid, client_secret: clientSecret } = given as { sid?: unknown; client_secret?: unknown } // looked at next
  return typeof sid === 'string' && typeof clientSecret === 'string' ? { sid, clientSecret } : undefined
}

function bindingOf({ who, request, path, body }: UiaCall, bindsBody: boolean): Challenge['binding'] {
  const { auth: _, ...rest } = body ?? {}
  const isBound = bindsBody && Object.keys(rest).length > 0
  return {
    userId: who?.userId ?? '',
    deviceId: who?.deviceId ?? '',
    method: request.method ?? '',
    path,
    // a parsed JSON body without what schemas left undefined
    bodyHash: isBound
      ? hash('sha256', encodeCanonical(JSON.parse(JSON.stringify(rest)) as Json), 'base64url')
      : undefined,
  }
}
