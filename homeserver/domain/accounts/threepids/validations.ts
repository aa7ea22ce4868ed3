/**
 * Proves that somebody reads what is sent to an address: a link in an e-mail, a code in a text message.
 * https://spec.matrix.org/v1.19/client-server-api/#adding-account-administrative-contact-information
 *
 * The answer is the same whether an address is known here or not, and takes as long: the letter is sent after it (T62).
 */
import { randomBytes, randomInt } from 'node:crypto'
import { invalidParam, limitExceeded, refuse } from '../../../core/errors.ts'
import type { ServerName } from '../../../core/ids.ts'
import type { Clock } from '../../../platform/clock.ts'
import { KeyedLock } from '../../../platform/keyed-lock.ts'
import type { Background } from '../../../platform/lifecycle.ts'
import type { Database } from '../../../storage/database.ts'
import {
  countValidations,
  findThreePid,
  findValidation,
  findValidationByToken,
  findValidationRequest,
  type Purpose,
  putValidation,
  removeValidation,
  setValidated,
  type ThreePid,
  useValidationTry,
  type Validation,
} from '../../../storage/threepids.ts'
import { hashToken } from '../session-token.ts'
import { codeText, knownLetter, proofLetter } from './letters.ts'
import type { Mailer } from './mailer.ts'
import type { SmsGateway } from './sms.ts'

export type { Purpose, ThreePid }

export interface ValidationRequest extends ThreePid {
  readonly purpose: Purpose
  readonly clientSecret: string
  /** A greater number asks for another message. */
  readonly sendAttempt: number
  /** Where to go from the page that the link leads to. */
  readonly nextLink: string | undefined
}

/** An address that somebody has proved to read. */
export type Proof = Validation & { readonly validatedTs: number }

/** What a client says of a proof. */
export interface Credentials {
  readonly sid: string
  readonly clientSecret: string
}

export interface ValidationsParts {
  readonly database: Database
  readonly clock: Clock
  readonly background: Background
  readonly serverName: ServerName
  readonly publicUrl: string
  readonly mailer: Mailer
  readonly sms: SmsGateway
}

const HOUR_MS = 3_600_000
/** Messages to one address in an hour, whoever asks. */
const MAX_MESSAGES = 5
const CODE_DIGITS = 6
const MAX_TRIES = 5

export class Validations {
  readonly #parts: ValidationsParts
  readonly #turns = new KeyedLock({ name: 'validation of' })

  constructor(parts: ValidationsParts) {
    this.#parts = parts
  }

  /** Sends what proves the address, and gives the id of the proof. Throws `M_INVALID_PARAM` and `M_LIMIT_EXCEEDED`. */
  async request(asked: ValidationRequest): Promise<string> {
    if (!/^[\w.=-]{1,255}$/.test(asked.clientSecret))
      throw invalidParam('client_secret has characters that it may not have')
    if (asked.nextLink !== undefined && !isWebAddress(asked.nextLink)) throw invalidParam('next_link is no web address')
    return await this.#turns.run(`${asked.medium} ${asked.address}`, () => this.#request(asked))
  }

  /** The id of the proof that was asked for so; undefined if none was, or it has expired. */
  async requested(asked: Omit<ValidationRequest, 'sendAttempt' | 'nextLink'>): Promise<string | undefined> {
    return (await findValidationRequest(this.#parts.database, asked, this.#parts.clock.steady()))?.sid
  }

  /** The proof whose link was opened, done with. Undefined if there is none. */
  async byLink(token: string): Promise<Validation | undefined> {
    const { database, clock } = this.#parts
    const validation = await findValidationByToken(database, hashToken(token), clock.steady())
    if (validation?.medium !== 'email') return undefined
    await database.transaction('prove an address', (tx) => setValidated(tx, validation.sid, clock.steady()))
    return validation
  }

  /** The proof that a link is for, which is not done with yet. */
  async peek(token: string): Promise<Validation | undefined> {
    return await findValidationByToken(this.#parts.database, hashToken(token), this.#parts.clock.steady())
  }

  /** False for a wrong code. Throws `M_SESSION_EXPIRED` when there were too many of these. */
  async byCode({ sid, clientSecret }: Credentials, code: string): Promise<boolean> {
    const { database, clock } = this.#parts
    const validation = await findValidation(database, sid, clock.steady())
    if (validation?.medium !== 'msisdn' || validation.clientSecret !== clientSecret) return false
    return await database.transaction('prove a number', async (tx) => {
      if (!(await useValidationTry(tx, sid)))
        throw refuse(400, 'M_SESSION_EXPIRED', 'Too many wrong codes: ask for another')
      const isRight = validation.tokenHash === hashToken(`${sid} ${code}`)
      if (isRight) await setValidated(tx, sid, clock.steady())
      return isRight
    })
  }

  /** The address that was proved for this purpose. Throws `M_THREEPID_AUTH_FAILED`. */
  async proved({ sid, clientSecret }: Credentials, purpose: Purpose): Promise<Proof> {
    const proof = await this.find({ sid, clientSecret }, purpose)
    if (!proof) throw refuse(400, 'M_THREEPID_AUTH_FAILED', 'The address has not been confirmed')
    return proof
  }

  /** The same; undefined if there is none. */
  async find({ sid, clientSecret }: Credentials, purpose: Purpose): Promise<Proof | undefined> {
    const { database, clock } = this.#parts
    const validation = await findValidation(database, sid, clock.steady())
    const { validatedTs } = validation ?? {}
    if (!validation || validatedTs === undefined) return undefined
    const isTheirs = validation.clientSecret === clientSecret && validation.purpose === purpose
    return isTheirs ? { ...validation, validatedTs } : undefined
  }

  /** A proof is good once. */
  async useUp(sid: string): Promise<void> {
    await this.#parts.database.transaction('use up a proof', (tx) => removeValidation(tx, sid))
  }

  async #request(asked: ValidationRequest): Promise<string> {
    const { database, clock } = this.#parts
    const now = clock.steady()
    const known = await findValidationRequest(database, asked, now)
    if (known && asked.sendAttempt <= known.sendAttempt) return known.sid
    if ((await countValidations(database, asked, now - HOUR_MS)) >= MAX_MESSAGES) {
      throw limitExceeded(HOUR_MS, 'Too many messages went to this address: try again later')
    }
    const sid = randomBytes(18).toString('base64url')
    const isCode = asked.medium === 'msisdn'
    const token = isCode
      ? String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0')
      : randomBytes(24).toString('base64url')
    const validation: Validation = {
      ...asked,
      sid,
      messages: (known?.messages ?? 0) + 1,
      tokenHash: hashToken(isCode ? `${sid} ${token}` : token),
      triesLeft: MAX_TRIES,
      createdTs: now,
      expiresTs: now + HOUR_MS,
      validatedTs: undefined,
    }
    await database.transaction('ask for a proof', (tx) => putValidation(tx, validation))
    this.#parts.background.run('send a proof', () => this.#send(validation, token))
    return sid
  }

  async #send(validation: Validation, token: string): Promise<void> {
    const { database, mailer, sms, serverName, publicUrl } = this.#parts
    const { purpose, medium, address } = validation
    const isKnown = (await findThreePid(database, validation)) !== undefined
    if (purpose === 'password' ? !isKnown : isKnown) {
      if (medium === 'email' && purpose !== 'password') await mailer.send(knownLetter(address, serverName))
      return
    }
    if (medium === 'msisdn') return await sms.send(address, codeText(serverName, token))
    const link = `${publicUrl}/confirm?${new URLSearchParams({ token }).toString()}`
    await mailer.send(proofLetter(purpose, { to: address, serverName, link }))
  }
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
}
