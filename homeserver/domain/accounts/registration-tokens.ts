/** Codes that let people make accounts. https://spec.matrix.org/v1.19/client-server-api/#token-authenticated-registration */
import { randomInt } from 'node:crypto'
import { invalidParam, notFound } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import * as store from '../../storage/registration-tokens.ts'

export type RegistrationToken = store.RegistrationToken

export interface RegistrationTokenOptions {
  /** Made up unless given. */
  readonly token?: string | undefined
  /** Of a token that is made up. */
  readonly length?: number | undefined
  /** Any number unless given. */
  readonly usesAllowed?: number | undefined
  readonly expiresTs?: number | undefined
}

const GRAMMAR = /^[\w.~-]{1,64}$/
const LENGTH = 16
/** Easy to read out: no letter looks like another. */
const letters = 'abcdefghjkmnpqrstuvwxyz23456789'

export class RegistrationTokens {
  readonly #database: Database
  readonly #clock: Clock

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  /** Throws `M_INVALID_PARAM` for a token out of the grammar, or one that is there already. */
  async create(options: RegistrationTokenOptions = {}): Promise<store.RegistrationToken> {
    return await createRegistrationToken(this.#database, this.#clock.now(), options)
  }

  async list(): Promise<store.RegistrationToken[]> {
    return await store.listRegistrationTokens(this.#database)
  }

  /** Throws `M_NOT_FOUND`. */
  async get(token: string): Promise<store.RegistrationToken> {
    const known = await store.findRegistrationToken(this.#database, token)
    if (!known) throw unknownToken()
    return known
  }

  /** Throws `M_NOT_FOUND`. */
  async change(
    token: string,
    limits: Pick<store.RegistrationToken, 'usesAllowed' | 'expiresTs'>,
  ): Promise<store.RegistrationToken> {
    const changed = await this.#database.transaction('change registration token', (tx) =>
      store.changeRegistrationToken(tx, token, limits),
    )
    if (!changed) throw unknownToken()
    return await this.get(token)
  }

  /** Throws `M_NOT_FOUND`. */
  async remove(token: string): Promise<void> {
    const removed = await this.#database.transaction('remove registration token', (tx) =>
      store.removeRegistrationToken(tx, token),
    )
    if (!removed) throw unknownToken()
  }

  /** Whether an account could be made with it at this moment. */
  async isValid(token: string): Promise<boolean> {
    const known = await store.findRegistrationToken(this.#database, token)
    if (!known) return false
    const isUsedUp = known.completed >= (known.usesAllowed ?? Infinity)
    return !isUsedUp && this.#clock.now() < (known.expiresTs ?? Infinity)
  }
}

/** For commands, which have a database and no server. Throws as `RegistrationTokens.create` does. */
export async function createRegistrationToken(
  database: Database,
  now: number,
  { length, token = newCode(length), usesAllowed, expiresTs }: RegistrationTokenOptions,
): Promise<store.RegistrationToken> {
  if (!GRAMMAR.test(token)) throw invalidParam('A token has 1 to 64 of the characters A-Z a-z 0-9 . _ ~ -')
  const created = { token, usesAllowed, expiresTs, createdTs: now }
  const added = await database.transaction('add registration token', (tx) => store.addRegistrationToken(tx, created))
  if (!added) throw invalidParam('There is such a registration token already')
  return { ...created, completed: 0 }
}

const unknownToken = () => notFound('There is no such registration token')

function newCode(length = LENGTH): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('')
}
