/**
 * People without an account in a call, by a link. Each has a user of its own for as long as the stay lasts: without password
 * or session, a member of the one room, and of its call as any other client is. What the guest's page gets is a token for the
 * SFU, and a key by which it ends the stay; with that it can do nothing else.
 */
import { randomBytes } from 'node:crypto'
import { invalidParam, MatrixError, refuse } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { ServerName, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import { addAccount } from '../../storage/accounts.ts'
import { listIdentitiesIn } from '../../storage/calls.ts'
import {
  addCallGuest,
  type CallGuestRow,
  type CallLinkRow,
  findCallGuest,
  listCallGuests,
  removeCallGuest,
  removeExpiredCallLinks,
  setCallGuestDelay,
  useCallLink,
} from '../../storage/call-links.ts'
import type { Database } from '../../storage/database.ts'
import { setProfile } from '../../storage/profiles.ts'
import type { Deactivation } from '../accounts/deactivation.ts'
import { type Requester, requesterFor } from '../accounts/requester.ts'
import { hashToken } from '../accounts/session-token.ts'
import { maxCallGuests, maxGuestName } from '../limits.ts'
import type { Memberships } from '../rooms/membership.ts'
import type { Members } from '../rooms/members.ts'
import type { RoomState } from '../rooms/state.ts'
import { type CallLinks, unknownLink } from './call-links.ts'
import type { CallToken, CallTokens } from './call-tokens.ts'
import type { DelayedEvents } from './delayed-events.ts'
import type { DelegatedLeaves } from './delegated-leaves.ts'
import { plainIdentityOf, ROOM_SLOT, sfuRoomOf } from './names.ts'

const log = logger('calls')

const memberType = 'org.matrix.msc3401.call.member'
const LOOK_EVERY_MS = 30_000
/** Who does not come into the call within this leaves it again. */
const LEAVE_AFTER_MS = 60_000

export interface GuestStay extends CallToken {
  /** Ends the stay. */
  readonly key: string
  readonly userId: UserId
}

export interface CallGuestsParts {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly serverName: ServerName
  /** Of the authorization service, as others find it. */
  readonly serviceUrl: string
  /** Milliseconds. */
  readonly maxDelay: number
  readonly links: CallLinks
  readonly tokens: CallTokens
  readonly leaves: DelegatedLeaves
  readonly delayedEvents: DelayedEvents
  readonly members: Members
  readonly memberships: Memberships
  readonly roomState: RoomState
  readonly deactivation: Deactivation
}

export class CallGuests implements Service {
  readonly name = 'guests in calls'
  readonly #parts: CallGuestsParts
  readonly #came: Counter<'result'>
  #looking: Promise<void> = Promise.resolve()

  constructor(parts: CallGuestsParts) {
    this.#parts = parts
    this.#came = parts.metrics.counter('call_guests_total', 'Guests who came by a link into a call', ['result'])
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#looking = this.#parts.clock.every(LOOK_EVERY_MS, this.name, () => this.look(), signal)
  }

  async stop(): Promise<void> {
    await this.#looking
  }

  /**
   * A new guest, member of the room and of its call. Throws what `CallLinks.open` throws, `M_INVALID_PARAM` for a name that is
   * none, `M_LIMIT_EXCEEDED` where too many guests are in the call, and what the room and the SFU refuse.
   */
  async join(token: string, name: string): Promise<GuestStay> {
    try {
      const stay = await this.#letIn(token, name)
      this.#came.inc({ result: 'joined' })
      return stay
    } catch (error) {
      this.#came.inc({ result: error instanceof MatrixError && error.status < 500 ? 'refused' : 'failed' })
      throw error
    }
  }

  /** Of those who are, or were lately, in the guest's call: what the room calls them. Throws `M_NOT_FOUND` for a stay that is over. */
  async people(key: string): Promise<Readonly<Record<string, string>>> {
    const { room_id: roomId } = await this.#guestOf(key)
    const known = await listIdentitiesIn(this.#parts.database, sfuRoomOf(roomId, ROOM_SLOT))
    const joined = await this.#parts.members.joined(roomId)
    return Object.fromEntries(
      known.flatMap(({ identity, user_id: userId }) => {
        const member = joined.get(userId)
        return member ? [[identity, member.display_name ?? userId]] : []
      }),
    )
  }

  /** The guest leaves the call and the room, and is a user no more. Does nothing for a stay that is over. */
  async leave(key: string): Promise<void> {
    const guest = await findCallGuest(this.#parts.database, hashToken(key))
    if (guest) await this.#end(guest)
  }

  /** Takes a link back, and with it those who came by it. Throws `M_NOT_FOUND`. */
  async revoke(token: string): Promise<void> {
    const { database, links } = this.#parts
    await links.remove(token)
    for (const guest of await listCallGuests(database, token)) await this.#end(guest)
  }

  /** Ends the stays of those whose time is over, or who are in the call no more; done from time to time of itself. */
  async look(): Promise<void> {
    const { database, clock } = this.#parts
    const now = clock.now()
    await database.transaction('remove expired call links', (tx) => removeExpiredCallLinks(tx, now))
    for (const guest of await listCallGuests(database)) {
      if (guest.expires_ts <= now || (await this.#isOut(guest, now))) await this.#end(guest)
    }
  }

  /** Also one who was on the way in when the server stopped. */
  async #isOut({ delay_id: delayId, created_ts: createdTs }: CallGuestRow, now: number): Promise<boolean> {
    if (delayId === null) return createdTs + LEAVE_AFTER_MS < now
    return (await this.#parts.delayedEvents.find(delayId))?.finalised_ts !== null
  }

  async #letIn(token: string, name: string): Promise<GuestStay> {
    const link = await this.#parts.links.open(token)
    const { guest, key } = await this.#make(link, nameOf(name))
    try {
      return { ...(await this.#bring(guest, link.user_id)), key, userId: guest.user_id }
    } catch (error) {
      await this.#end(guest)
      throw error
    }
  }

  /** The account alone. */
  async #make(link: CallLinkRow, displayname: string): Promise<{ guest: CallGuestRow; key: string }> {
    const { database, clock, serverName } = this.#parts
    const now = clock.now()
    const userId: UserId = `@guest-${randomBytes(8).toString('hex')}:${serverName}`
    const key = randomBytes(24).toString('base64url')
    const guest: CallGuestRow = {
      user_id: userId,
      key_hash: hashToken(key),
      token: link.token,
      room_id: link.room_id,
      created_ts: now,
      expires_ts: link.expires_ts,
      delay_id: null,
    }
    await database.transaction('make call guest', async (tx) => {
      if ((await listCallGuests(tx, link.token)).length >= maxCallGuests) {
        throw refuse(429, 'M_LIMIT_EXCEEDED', 'Too many guests are in this call')
      }
      if (!(await useCallLink(tx, link.token, now))) throw unknownLink()
      await addAccount(tx, { userId, createdTs: now, isGuest: true })
      await setProfile(tx, userId, { displayname, avatarUrl: undefined, fields: {} })
      await addCallGuest(tx, guest)
    })
    return { guest, key }
  }

  /** Into the room, and into its call. The leave is there before what it takes back. */
  async #bring({ user_id: userId, room_id: roomId, expires_ts: expiresTs }: CallGuestRow, inviter: UserId) {
    const { memberships, roomState, delayedEvents, leaves, tokens, database, clock, serviceUrl, maxDelay } = this.#parts
    await memberships.invite({ userId: inviter }, roomId, userId)
    await memberships.join({ userId }, { roomId, servers: [] })
    const who: Requester = { ...requesterFor(userId, 'call guest'), isGuest: true }
    const deviceId = randomBytes(5).toString('hex').toUpperCase()
    const identity = plainIdentityOf(userId, deviceId)
    const stateKey = `_${userId}_${deviceId}_m.call`
    const leave = { roomId, type: memberType, stateKey, content: {}, delay: Math.min(LEAVE_AFTER_MS, maxDelay) }
    const delayId = await delayedEvents.schedule(who, leave)
    await database.transaction('guest can leave', (tx) => setCallGuestDelay(tx, userId, delayId))
    const now = clock.now()
    const content: JsonObject = {
      application: 'm.call',
      call_id: '',
      scope: 'm.room',
      device_id: deviceId,
      membershipID: identity,
      expires: expiresTs - now,
      created_ts: now,
      'm.call.intent': 'audio',
      focus_active: { type: 'livekit', focus_selection: 'multi_sfu' },
      foci_preferred: [{ type: 'livekit', livekit_service_url: serviceUrl, livekit_alias: roomId }],
    }
    await roomState.set(who, { roomId, type: memberType, stateKey, content })
    await leaves.delegate({ sfuRoom: sfuRoomOf(roomId, ROOM_SLOT), identity, userId, roomId, delayId })
    const asked = {
      userId,
      roomId,
      slotId: ROOM_SLOT,
      deviceId,
      memberId: undefined,
      identity,
      way: 'sfu/get',
    } as const
    return await tokens.issue(asked)
  }

  async #guestOf(key: string): Promise<CallGuestRow> {
    const guest = await findCallGuest(this.#parts.database, hashToken(key))
    if (!guest) throw unknownLink()
    return guest
  }

  /** Twice does no harm: the page and we may end a stay at the same time. */
  async #end({ user_id: userId, key_hash: keyHash }: CallGuestRow): Promise<void> {
    const { database, delayedEvents, deactivation } = this.#parts
    const delayId = (await findCallGuest(database, keyHash))?.delay_id
    if (typeof delayId === 'string') {
      await delayedEvents
        .send(delayId)
        .catch((error: unknown) => log.info({ error, userId }, 'a guest had left already'))
    }
    await deactivation.deactivate(userId, { erase: false })
    await database.transaction('call guest is gone', (tx) => removeCallGuest(tx, userId))
  }
}

/** As others see it: nobody takes a guest for somebody else of this name. */
function nameOf(name: string): string {
  const shown = name
    .normalize()
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
  if (shown === '' || shown.length > maxGuestName) throw invalidParam('A name has 1 to 60 characters')
  return `${shown} (guest)`
}
