/** An authenticator app as second factor: who has set it up needs its code at each login on the pages. */
import { hash, randomInt } from 'node:crypto'
import { forbidden } from '../../core/errors.ts'
import type { ServerName, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import * as store from '../../storage/second-factors.ts'
import type { Departure } from '../accounts/hooks.ts'
import type { Lockout } from '../accounts/lockout.ts'
import type { FormFields, SecondFactor } from '../oauth/sign-in.ts'
import { seal, unseal } from './sealed.ts'
import { base32, keyUri, newSecret, stepOf } from './totp.ts'

const RECOVERY_CODES = 10
/** No letters that look like digits; 50 bits. */
const recoveryLetters = 'abcdefghjkmnpqrstuvwxyz23456789'
const RECOVERY_LENGTH = 10

interface AuthenticatorAppParts {
  readonly database: Database
  readonly clock: Clock
  readonly serverName: ServerName
  readonly lockout: Lockout
  readonly key: Buffer
}

export interface NewApp {
  /** To be typed into the app. */
  readonly secret: string
  /** To be opened by it. */
  readonly uri: string
}

export class AuthenticatorApp implements SecondFactor, Departure {
  readonly id = 'authenticator'
  readonly field = { name: 'code', type: 'text', autocomplete: 'one-time-code' } as const
  readonly #parts: AuthenticatorAppParts

  constructor(parts: AuthenticatorAppParts) {
    this.#parts = parts
  }

  async isSetUp(userId: UserId): Promise<boolean> {
    return (await store.findTotp(this.#parts.database, userId))?.isConfirmed === true
  }

  /** A code of the app, or one of those for when it is lost. Throws `M_LIMIT_EXCEEDED` after too many that were wrong. */
  async prove(userId: UserId, fields: FormFields, ip: string): Promise<boolean> {
    const typed = (fields.get('code') ?? '').toLowerCase().replaceAll(/[\s-]/g, '')
    const isRight = await this.#parts.lockout.attempt(`second factor of ${userId}`, ip, async () => {
      const isGood = /^\d{6}$/.test(typed) ? await this.#useCode(userId, typed) : await this.#useRecovery(userId, typed)
      return isGood ? true : undefined
    })
    return isRight === true
  }

  /** A new secret, good for nothing until `confirm`. Throws `M_FORBIDDEN` if there is an app already. */
  async begin(userId: UserId): Promise<NewApp> {
    const { database, key, serverName } = this.#parts
    const secret = newSecret()
    const isSet = await database.transaction('begin authenticator', (tx) =>
      store.setTotp(tx, userId, seal(key, secret, userId)),
    )
    if (!isSet) throw forbidden('There is an authenticator app already: remove it first')
    return this.#shown(secret, userId, serverName)
  }

  /** What `begin` gave, until it is confirmed. */
  async begun(userId: UserId): Promise<NewApp | undefined> {
    const { database, key, serverName } = this.#parts
    const found = await store.findTotp(database, userId)
    if (!found || found.isConfirmed) return undefined
    return this.#shown(unseal(key, found.secret, userId), userId, serverName)
  }

  /** With the first code from the app it counts. Gives the codes for when it is lost, or undefined for a wrong one. */
  async confirm(userId: UserId, code: string, ip: string): Promise<readonly string[] | undefined> {
    const { database, clock } = this.#parts
    if (!(await this.prove(userId, new URLSearchParams({ code }), ip))) return undefined
    const codes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode)
    await database.transaction('confirm authenticator', async (tx) => {
      await store.confirmTotp(tx, userId, clock.now())
      await store.setRecoveryCodes(tx, userId, codes.map(hashOf))
    })
    return codes.map((one) => `${one.slice(0, RECOVERY_LENGTH / 2)}-${one.slice(RECOVERY_LENGTH / 2)}`)
  }

  /** False if there was none. */
  async remove(userId: string): Promise<boolean> {
    return await this.#parts.database.transaction('remove authenticator', (tx) => store.removeTotp(tx, userId))
  }

  async leave(userId: UserId): Promise<void> {
    await this.remove(userId)
  }

  async #useCode(userId: UserId, code: string): Promise<boolean> {
    const { database, clock, key } = this.#parts
    return await database.transaction('use code', async (tx) => {
      const found = await store.findTotp(tx, userId)
      if (!found) return false
      const secret = unseal(key, found.secret, userId)
      const step = stepOf(secret, code, { now: clock.now(), after: found.lastStep })
      return step !== undefined && (await store.useStep(tx, userId, step))
    })
  }

  async #useRecovery(userId: UserId, code: string): Promise<boolean> {
    return await this.#parts.database.transaction('use recovery code', (tx) =>
      store.takeRecoveryCode(tx, userId, hashOf(code)),
    )
  }

  #shown(secret: Buffer, account: string, issuer: string): NewApp {
    return { secret: base32(secret), uri: keyUri(secret, { issuer, account }) }
  }
}

function newRecoveryCode(): string {
  return Array.from({ length: RECOVERY_LENGTH }, () => recoveryLetters[randomInt(recoveryLetters.length)]).join('')
}

const hashOf = (code: string): string => hash('sha256', `recovery ${code}`, 'base64url')
