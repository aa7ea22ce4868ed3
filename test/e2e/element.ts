/** A client as Element Web is one: matrix-js-sdk with its real Rust crypto, over HTTP. */
import { expect } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import {
  ClientEvent,
  createClient,
  type MatrixClient,
  type MatrixEvent,
  Method,
  MsgType,
  type Room,
  SyncState,
} from 'matrix-js-sdk'
import {
  type CryptoApi,
  CryptoEvent,
  type GeneratedSecretStorageKey,
  type ShowSasCallbacks,
  type VerificationRequest,
  type Verifier,
  VerifierEvent,
} from 'matrix-js-sdk/lib/crypto-api/index.js'
import type { Logger } from 'matrix-js-sdk/lib/logger.js'
import { Client } from '../support/client.ts'

const nothing = (): void => undefined
export const silent: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  getChild: () => silent,
}

// The SDK leaves the deadline of each request running, for nearly two minutes. They must not keep the process alive.
const keepAlive = globalThis.setTimeout
globalThis.setTimeout = ((...timer: Parameters<typeof setTimeout>) => keepAlive(...timer).unref()) as typeof setTimeout

/** What a person keeps outside of any device. */
export type RecoveryKey = GeneratedSecretStorageKey

export class Element implements AsyncDisposable {
  readonly client: MatrixClient
  readonly #secrets: { recoveryKey: RecoveryKey | undefined }

  private constructor(client: MatrixClient, secrets: { recoveryKey: RecoveryKey | undefined }) {
    this.client = client
    this.#secrets = secrets
  }

  /** Registers the user, or logs in where there is an account. Resolves when the first sync is through. */
  static async start(server: { readonly url: string }, username: string, how: 'register' | 'login'): Promise<Element> {
    const password = `password of ${username}`
    const session = await new Client(server.url)[how](username, password)
    const secrets: { recoveryKey: RecoveryKey | undefined } = { recoveryKey: undefined }
    const client = createClient({
      baseUrl: server.url,
      userId: session.userId,
      deviceId: session.deviceId,
      accessToken: session.token,
      timelineSupport: true,
      logger: silent,
      cryptoCallbacks: {
        getSecretStorageKey: ({ keys }) => {
          const [id] = Object.keys(keys)
          const key = secrets.recoveryKey?.privateKey
          return Promise.resolve(id === undefined || key === undefined ? null : [id, key])
        },
      },
    })
    await client.initRustCrypto({ useIndexedDB: false })
    const ready = new Promise<void>((resolve) => {
      client.on(ClientEvent.Sync, (state) => state === SyncState.Prepared && resolve())
    })
    await client.startClient({ initialSyncLimit: 20, lazyLoadMembers: true })
    await within(`${username} has synced`, ready)
    return new Element(client, secrets)
  }

  get userId(): string {
    return this.client.getSafeUserId()
  }

  get crypto(): CryptoApi {
    const crypto = this.client.getCrypto()
    if (!crypto) throw new Error('crypto is not there')
    return crypto
  }

  /** What Element does at the first login: cross-signing, secret storage, key backup. */
  async setUpRecovery(): Promise<RecoveryKey> {
    const recoveryKey = await this.crypto.createRecoveryKeyFromPassphrase()
    this.#secrets.recoveryKey = recoveryKey
    await this.crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: (makeRequest) => makeRequest(null) })
    await this.crypto.bootstrapSecretStorage({
      createSecretStorageKey: () => Promise.resolve(recoveryKey),
      setupNewKeyBackup: true,
    })
    return recoveryKey
  }

  /** What Element does when a person types the recovery key on a new device. Gives the number of restored sessions. */
  async recover(recoveryKey: RecoveryKey): Promise<number> {
    this.#secrets.recoveryKey = recoveryKey
    // The private keys are compared with the public ones, which a new device may not have asked for yet.
    await until('the own keys are known', () => this.crypto.userHasCrossSigningKeys())
    await this.crypto.bootstrapCrossSigning({})
    await this.crypto.loadSessionBackupPrivateKeyFromSecretStorage()
    await this.crypto.checkKeyBackupAndEnable()
    return (await this.crypto.restoreKeyBackup()).imported
  }

  /** How many sessions the server keeps for this user. The SDK's own number is of when it last looked. */
  async backedUpSessions(): Promise<number> {
    const version = await this.client.http.authedRequest<{ count: number }>(Method.Get, '/room_keys/version')
    return version.count
  }

  /** Makes an encrypted room and invites others to it. */
  async createEncryptedRoom(invite: readonly string[], historyVisibility = 'shared'): Promise<string> {
    const { room_id: roomId } = await this.client.createRoom({
      invite: [...invite],
      initial_state: [
        { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
        { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: historyVisibility } },
      ],
    })
    await until(`${roomId} is known to ${this.userId}`, () => this.client.isRoomEncrypted(roomId))
    return roomId
  }

  async join(roomId: string): Promise<void> {
    await until(
      `${this.userId} is invited to ${roomId}`,
      () => this.client.getRoom(roomId)?.getMyMembership() === 'invite',
    )
    await within(`${this.userId} joins`, this.client.joinRoom(roomId))
    await until(`${this.userId} is in ${roomId}`, () => this.client.getRoom(roomId)?.getMyMembership() === 'join')
  }

  /** Whether what is said from now on is said to that device, too. */
  async knowsDevice({ client }: Element): Promise<boolean> {
    const devices = await this.crypto.getUserDeviceInfo([client.getSafeUserId()])
    return devices.get(client.getSafeUserId())?.has(client.getDeviceId() ?? '') === true
  }

  /** Whether that person has been verified, and by what cross-signing tells still is who they were. */
  async trusts({ userId }: Element): Promise<boolean> {
    return (await this.crypto.getUserVerificationStatus(userId)).isCrossSigningVerified()
  }

  async say(roomId: string, body: string): Promise<string> {
    const sent = this.client.sendMessage(roomId, { msgtype: MsgType.Text, body })
    const { event_id: eventId } = await within(`${this.userId} says "${body}"`, sent)
    return eventId
  }

  /** Resolves when the message is there in clear text; gives the event. */
  async hears(roomId: string, body: string): Promise<MatrixEvent> {
    let found: MatrixEvent | undefined
    await until(`${this.userId} reads "${body}"`, () => {
      found = eventsOf(this.client.getRoom(roomId)).find((event) => event.getContent()['body'] === body)
      return found !== undefined
    })
    if (!found) throw new Error('unreachable')
    return found
  }

  /** The texts of a room from its beginning, as far as they can be read: what cannot be decrypted is left out. */
  async readsHistory(roomId: string): Promise<string[]> {
    const room = this.client.getRoom(roomId)
    if (!room) throw new Error(`${this.userId} does not know ${roomId}`)
    while (room.getLiveTimeline().getPaginationToken('b' as never) !== null) await this.client.scrollback(room, 50)
    const events = eventsOf(room)
    await Promise.all(events.map((event) => this.client.decryptEventIfNeeded(event, { isRetry: true })))
    return events.flatMap((event) => {
      const isText = event.getContent()['msgtype'] === MsgType.Text && !event.isDecryptionFailure()
      return isText ? [event.getContent()['body'] as string] : []
    })
  }

  async stop(): Promise<void> {
    this.client.stopClient()
    await pause(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Two people talk, encrypted; gives their room. */
export async function meet(alice: Element, bob: Element): Promise<string> {
  const room = await alice.createEncryptedRoom([bob.userId])
  await bob.join(room)
  await until('alice sees bob', () => alice.client.getRoom(room)?.getMember(bob.userId)?.membership === 'join')
  await alice.say(room, 'Is anybody at home?')
  expect((await bob.hears(room, 'Is anybody at home?')).isEncrypted()).toBe(true)
  await bob.say(room, 'The domovoi is.')
  await alice.hears(room, 'The domovoi is.')
  return room
}

/** Two people compare emoji in a direct chat, or one person on two devices. */
export async function verify(asking: Element, asked: Element, roomId?: string): Promise<void> {
  const heard = nextRequest(asked)
  const request = await within(
    `${asking.userId} asks`,
    roomId ? asking.crypto.requestVerificationDM(asked.userId, roomId) : asking.crypto.requestOwnUserVerification(),
  )
  const received = await within(`${asked.userId} is asked to verify`, heard)
  await within('the request is answered', received.accept())
  await until('the request is accepted', () => request.phase === 3)
  const mine = await within('the verification starts', request.startVerification('m.sas.v1'))
  await until('the other side has a verifier', () => received.verifier !== undefined)
  const theirs = received.verifier
  if (!theirs) throw new Error('unreachable')
  const shown = Promise.all([showSas(mine), showSas(theirs)])
  const done = Promise.all([mine.verify(), theirs.verify()]) // fails where one side breaks off
  const confirmed = shown.then(async ([a, b]) => {
    if (JSON.stringify(a.sas.emoji) !== JSON.stringify(b.sas.emoji)) throw new Error('the emoji differ')
    await Promise.all([a.confirm(), b.confirm()])
  })
  await within('both see the emoji and say so', Promise.all([done, confirmed]))
}

function nextRequest({ client }: Element): Promise<VerificationRequest> {
  return new Promise((resolve) => void client.once(CryptoEvent.VerificationRequestReceived, resolve))
}

function showSas(verifier: Verifier): Promise<ShowSasCallbacks> {
  return new Promise((resolve) => {
    const shown = verifier.getShowSasCallbacks()
    if (shown) resolve(shown)
    else verifier.once(VerifierEvent.ShowSas, resolve)
  })
}

function eventsOf(room: Room | null): MatrixEvent[] {
  return room?.getLiveTimeline().getEvents() ?? []
}

/** What a promise gives; rejects where that takes longer than anything here may, and says what was waited for. */
async function within<T>(what: string, promise: Promise<T>, timeoutMs = 45_000): Promise<T> {
  const stopped = new AbortController()
  const late = pause(timeoutMs, undefined, { signal: stopped.signal }).then(() => {
    throw new Error(`It did not happen that ${what}`)
  })
  return await Promise.race([promise, late]).finally(() => stopped.abort())
}

/** Waits for a condition that the SDK brings about by itself. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 45_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`It did not happen that ${what}`)
    await pause(20)
  }
}
