/** Calls as Element makes them: matrix-js-sdk's own sessions on two servers find each other, and exchange keys for the media. */
import { randomUUID } from 'node:crypto'
import { describe, expect, jest, test } from '@jest/globals'
import { logger } from 'matrix-js-sdk/lib/logger.js'
import {
  type CallMembership,
  isLivekitTransportConfig,
  type MatrixRTCSession,
  MatrixRTCSessionEvent,
} from 'matrix-js-sdk/lib/matrixrtc/index.js'
import { Element, silent, until } from '../../e2e/element.ts'
import { hasOpenssl } from '../../support/certificates.ts'
import { type FederatedServer, Federation } from '../../support/federation.ts'
import { callPorts, livekit, LoneCaller, mediaMissing } from '../../support/livekit.ts'

jest.setTimeout(180_000)
// sessions take this logger, whatever their client has
Object.assign(logger, silent, { log: silent.debug })

const missing = mediaMissing ?? (hasOpenssl ? undefined : 'no openssl')
const withSfu = missing ? describe.skip : describe

/** A person in the call of a room, who speaks through the SFU of their own server. */
class Participant {
  readonly session: MatrixRTCSession
  readonly home: FederatedServer
  readonly #person: Element
  readonly #roomId: string
  readonly #sticky: boolean
  readonly #memberId: string
  /** Of each: what a member is called at the SFU, the number of the key, and the key. */
  readonly #keys = new Set<string>()

  constructor({
    person,
    home,
    roomId,
    sticky,
  }: {
    person: Element
    home: FederatedServer
    roomId: string
    sticky: boolean
  }) {
    const room = person.client.getRoom(roomId)
    if (!room) throw new Error(`${person.userId} does not know ${roomId}`)
    this.home = home
    this.#person = person
    this.#roomId = roomId
    this.#sticky = sticky
    this.#memberId = sticky ? randomUUID() : `${person.userId}:${this.#deviceId}`
    this.session = person.client.matrixRTC.getRoomSession(room)
    this.session.on(MatrixRTCSessionEvent.EncryptionKeyChanged, (key, index, _, identity) => {
      this.#keys.add(`${identity} ${index} ${Buffer.from(key).toString('base64')}`)
    })
  }

  async join(): Promise<void> {
    const { client, userId } = this.#person
    const transports = await client._unstable_getRTCTransports()
    const own = { userId, deviceId: this.#deviceId, memberId: this.#memberId }
    const settings = { manageMediaKeys: true, unstableSendStickyEvents: this.#sticky, callIntent: 'audio' } as const
    this.session.joinRTCSession(own, [], transports.find(isLivekitTransportConfig), settings)
  }

  /** Resolves when it sees so many in the call, itself too. */
  async sees(count: number): Promise<void> {
    await until(`${this.#person.userId} sees ${count} in the call`, () => this.session.memberships.length === count)
  }

  /** Resolves when it has a key by which the other encrypts. */
  async hasKeyOf(other: Participant): Promise<void> {
    const { rtcBackendIdentity: identity } = this.membershipOf(other)
    await until(`${this.#person.userId} has a key of ${identity}`, () =>
      [...this.#keys].some((key) => key.startsWith(`${identity} `) && other.#keys.has(key)),
    )
  }

  membershipOf(other: Participant): CallMembership {
    const { userId } = other.#person
    const found = this.session.memberships.find((membership) => membership.userId === userId)
    if (!found) throw new Error(`${userId} is not in the call`)
    return found
  }

  /** A token for the SFU of its own server, by which apps of this kind send. */
  async tokenToSpeak(): Promise<string> {
    return this.#sticky
      ? await this.tokenToHear(this)
      : await this.#ask(this, 'sfu/get', { room: this.#roomId, device_id: this.#deviceId })
  }

  /** A token for the SFU through which the other speaks. */
  async tokenToHear(other: Participant): Promise<string> {
    const { userId } = this.#person
    const member = { id: this.#memberId, claimed_user_id: userId, claimed_device_id: this.#deviceId }
    const { slotId } = this.membershipOf(other)
    return await this.#ask(other, 'get_token', { room_id: this.#roomId, slot_id: slotId, member })
  }

  /** Asks the service that the other's membership names, where its server is found by tests. */
  async #ask(other: Participant, path: string, request: object): Promise<string> {
    const membership = this.membershipOf(other)
    const service = new URL(String(membership.getTransport(membership)?.['livekit_service_url']))
    if (service.hostname !== other.home.name) throw new Error(`${service.hostname} is another server`)
    const openIdToken = await this.#person.client.getOpenIdToken()
    const response = await fetch(`${other.home.server.url}${service.pathname}/${path}`, {
      method: 'POST',
      body: JSON.stringify({ ...request, openid_token: openIdToken }),
    })
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}`)
    return ((await response.json()) as { jwt: string }).jwt
  }

  get #deviceId(): string {
    return this.#person.client.getDeviceId() ?? ''
  }
}

const subjectOf = (jwt: string): unknown =>
  (JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { sub: unknown }).sub

withSfu(`sessions of matrix-js-sdk${missing ? ` (${missing})` : ''}`, () => {
  test.each([
    ['state', false],
    ['sticky events', true],
  ])(
    'rtc 34: by %s people of two servers meet, get the keys of each other, hear each other, and leave',
    async (_, sticky) => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const start = async (name: string) =>
        await federation.start(name, { config: await callPorts(), parts: { livekit } })
      const [hs1, hs2] = [await start('hs1.test'), await start('hs2.test')]
      await using alice = await Element.start(hs1.server, 'alice', 'register')
      await using bob = await Element.start(hs2.server, 'bob', 'register')
      const roomId = await alice.createEncryptedRoom([bob.userId])
      await bob.join(roomId)
      await until('alice sees bob', () => alice.client.getRoom(roomId)?.getMember(bob.userId)?.membership === 'join')

      const first = new Participant({ person: alice, home: hs1, roomId, sticky })
      const second = new Participant({ person: bob, home: hs2, roomId, sticky })
      await first.join()
      await second.sees(1)
      await second.join()
      await Promise.all([first.sees(2), second.sees(2)])
      await Promise.all([first.hasKeyOf(second), second.hasKeyOf(first)])

      for (const [speaker, listener] of [
        [first, second],
        [second, first],
      ] as const) {
        const jwt = await speaker.tokenToSpeak()
        // else nobody would know whose voice it is, and by which key it is encrypted
        expect(subjectOf(jwt)).toBe(listener.membershipOf(speaker).rtcBackendIdentity)
        await using speaks = new LoneCaller(speaker.home.server, jwt, 'speak')
        await speaks.says('in')
        await using listens = new LoneCaller(speaker.home.server, await listener.tokenToHear(speaker), 'listen')
        await listens.says('heard')
      }

      await first.session.leaveRoomSession()
      await second.sees(1)
      await second.session.leaveRoomSession()
      await Promise.all([first.sees(0), second.sees(0)])
    },
  )
})
