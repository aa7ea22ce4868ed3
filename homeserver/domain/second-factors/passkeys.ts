/** Passkeys: keys that devices keep for people, and use when they are unlocked. https://www.w3.org/TR/webauthn-3/ */
import { hash, randomBytes } from 'node:crypto'
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server'
import { limitExceeded, refuse } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import * as store from '../../storage/passkeys.ts'
import type { Passkey } from '../../storage/passkeys.ts'
import type { Departure } from '../accounts/hooks.ts'
import { usable } from '../accounts/login.ts'
import { hashToken } from '../accounts/session-token.ts'
import { maxPasskeyChallenges, maxPasskeyName, maxPasskeys } from '../limits.ts'
import { NewCredential, readCredential, ShownCredential } from './credential-json.ts'

export type { Passkey } from '../../storage/passkeys.ts'

const log = logger('passkeys')

/** How long somebody may take to unlock the device. */
export const CHALLENGE_MS = 5 * 60_000

/** A browser, by its cookie: only from there the answer to its challenge is taken. */
interface Asked {
  readonly cookie: string
}

interface PasskeysParts {
  readonly database: Database
  readonly clock: Clock
  readonly publicUrl: string
  readonly serverName: string
}

export class Passkeys implements Departure {
  readonly #database: Database
  readonly #clock: Clock
  readonly #origin: string
  /** Passkeys belong to the host that people see, and are good for no other. */
  readonly #rpId: string
  readonly #serverName: string

  constructor({ database, clock, publicUrl, serverName }: PasskeysParts) {
    const { origin, hostname } = new URL(publicUrl)
    this.#database = database
    this.#clock = clock
    this.#origin = origin
    this.#rpId = hostname
    this.#serverName = serverName
  }

  async list(userId: UserId): Promise<readonly Passkey[]> {
    return await store.listPasskeys(this.#database, userId)
  }

  /** With what a browser makes a passkey. Throws `M_LIMIT_EXCEEDED` if too many browsers are at it. */
  async optionsForNew(userId: UserId, { cookie }: Asked): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const { generateRegistrationOptions } = await webauthn()
    return await generateRegistrationOptions({
      rpName: this.#serverName,
      rpID: this.#rpId,
      userName: userId,
      userID: Uint8Array.from(handleOf(userId)),
      challenge: await this.#challenge(cookie),
      timeout: CHALLENGE_MS,
      excludeCredentials: [...(await this.list(userId))].map(described),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    })
  }

  /** With what a browser shows one: any that it has for this server, or one of this user. */
  async optionsForLogin({
    cookie,
    userId,
  }: Asked & { readonly userId?: UserId | undefined }): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const { generateAuthenticationOptions } = await webauthn()
    return await generateAuthenticationOptions({
      rpID: this.#rpId,
      challenge: await this.#challenge(cookie),
      timeout: CHALLENGE_MS,
      userVerification: 'required',
      ...(userId === undefined ? {} : { allowCredentials: [...(await this.list(userId))].map(described) }),
    })
  }

  /** Throws `M_PASSKEY_FAILED` for whatever is wrong with it. */
  async add(userId: UserId, given: Asked & { readonly name: string; readonly credential: string }): Promise<void> {
    const isExpected = await this.#takeChallenge(given.cookie)
    const response = readCredential(NewCredential, given.credential)
    if (!response || given.name === '' || given.name.length > maxPasskeyName) throw failed()
    const { verifyRegistrationResponse } = await webauthn()
    const { registrationInfo: made } = await refusing(
      verifyRegistrationResponse({
        response,
        expectedChallenge: isExpected,
        expectedOrigin: this.#origin,
        expectedRPID: this.#rpId,
        requireUserVerification: true,
      }),
    )
    if (!made) throw failed()
    const { credential, credentialDeviceType, credentialBackedUp } = made
    const isAdded = await this.#database.transaction('add passkey', async (tx) => {
      if ((await store.listPasskeys(tx, userId)).length >= maxPasskeys) return false
      return await store.addPasskey(tx, {
        id: credential.id,
        userId,
        publicKey: Buffer.from(credential.publicKey).toString('base64url'),
        counter: credential.counter,
        transports: response.response.transports,
        isBackupEligible: credentialDeviceType === 'multiDevice',
        isBackedUp: credentialBackedUp,
        name: given.name,
        createdTs: this.#clock.now(),
      })
    })
    if (!isAdded) throw failed()
  }

  /** Whose passkey it is. Throws `M_PASSKEY_FAILED` for whatever is wrong with it, and as logins do for locked accounts. */
  async prove({ cookie, credential }: Asked & { readonly credential: string }): Promise<UserId> {
    const isExpected = await this.#takeChallenge(cookie)
    const response = readCredential(ShownCredential, credential)
    const known = response && (await store.findPasskey(this.#database, response.id))
    const account = known && (await findAccount(this.#database, known.userId))
    if (!response || !known || !account) throw failed()
    const { userHandle } = response.response
    if (userHandle !== '' && userHandle !== handleOf(known.userId).toString('base64url')) throw failed()
    const { verifyAuthenticationResponse } = await webauthn()
    const { verified, authenticationInfo: shown } = await refusing(
      verifyAuthenticationResponse({
        response,
        expectedChallenge: isExpected,
        expectedOrigin: this.#origin,
        expectedRPID: this.#rpId,
        requireUserVerification: true,
        credential: {
          ...described(known),
          publicKey: Buffer.from(known.publicKey, 'base64url'),
          counter: known.counter,
        },
      }),
    )
    const isSameKind = (shown.credentialDeviceType === 'multiDevice') === known.isBackupEligible
    if (!verified || !isSameKind) throw failed()
    const userId = usable(account)
    const use = { counter: shown.newCounter, isBackedUp: shown.credentialBackedUp, ts: this.#clock.now() }
    const isUsed = await this.#database.transaction('use passkey', (tx) => store.usePasskey(tx, known, use))
    if (!isUsed) throw failed()
    return userId
  }

  /** False if the user has no such passkey. */
  async remove(userId: UserId, id: string): Promise<boolean> {
    return await this.#database.transaction('remove passkey', (tx) => store.removePasskey(tx, userId, id))
  }

  /** Gives how many there were. */
  async removeAll(userId: string): Promise<number> {
    return await this.#database.transaction('remove passkeys', (tx) => store.removePasskeysOf(tx, userId))
  }

  async leave(userId: UserId): Promise<void> {
    await this.removeAll(userId)
  }

  async sweep(): Promise<void> {
    const now = this.#clock.steady()
    await this.#database.transaction('forget challenges', (tx) => store.removeExpiredChallenges(tx, now))
  }

  async #challenge(cookie: string): Promise<Uint8Array<ArrayBuffer>> {
    const challenge = Uint8Array.from(randomBytes(32))
    const challengeHash = hashToken(Buffer.from(challenge).toString('base64url'))
    const now = this.#clock.steady()
    await this.#database.transaction('ask for passkey', async (tx) => {
      if ((await store.countChallenges(tx)) >= maxPasskeyChallenges) throw limitExceeded(CHALLENGE_MS)
      await store.setChallenge(tx, hashToken(cookie), { challengeHash, expiresTs: now + CHALLENGE_MS })
    })
    return challenge
  }

  /** Good once, whatever comes of it. */
  async #takeChallenge(cookie: string): Promise<(challenge: string) => boolean> {
    const now = this.#clock.steady()
    const expected = await this.#database.transaction('take challenge', (tx) =>
      store.takeChallenge(tx, hashToken(cookie), now),
    )
    if (expected === undefined) throw failed()
    return (challenge) => hashToken(challenge) === expected
  }
}

/** Loaded when somebody first needs it. */
const webauthn = async () => await import('@simplewebauthn/server')

/** Who the passkey is for, for the device that keeps it: it tells nothing to who finds that. */
const handleOf = (userId: UserId): Buffer => hash('sha256', `passkey of ${userId}`, 'buffer')

const described = ({ id, transports }: Passkey) => ({ id, transports: [...transports] })

/** The library throws for whatever it does not like. */
async function refusing<Verified>(verifying: Promise<Verified>): Promise<Verified> {
  try {
    return await verifying
  } catch (error) {
    log.debug({ error }, 'a passkey was refused')
    throw failed()
  }
}

const failed = () => refuse(403, 'M_PASSKEY_FAILED', 'The passkey did not work')
