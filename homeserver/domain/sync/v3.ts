/**
 * GET /sync: takes one upper position of every stream and reads everything up to there, part by part; with nothing new it
 * waits. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
 */
import { formatSyncToken, type StreamName } from '../../core/token.ts'
import { MatrixError } from '../../core/errors.ts'
import type { RoomId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import type { PresenceState } from '../../storage/presence.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Presence } from '../ephemeral/presence.ts'
import type { Typing } from '../ephemeral/typing.ts'
import type { ClientEvents } from '../rooms/client-event.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import type { PartialRooms } from '../rooms/partial-rooms.ts'
import type { StickyEvents } from '../rooms/sticky-events.ts'
import type { ThreadSubscriptions } from '../rooms/thread-subscriptions.ts'
import type { IgnoredUsers, Visibility } from '../rooms/visibility.ts'
import { LazyMembers } from './lazy-members.ts'
import { findMet } from './met.ts'
import { reached, roomsOf } from './moment.ts'
import type { Notifier } from './notifier.ts'
import { type Candidates, RoomLister } from './room-lists.ts'
import type { RoomTails } from './room-tails.ts'
import { AccountDataSection, type PushRuleReader } from './sections/account-data.ts'
import { type DevicesParts, DevicesSection } from './sections/devices.ts'
import { EphemeralSection } from './sections/ephemeral.ts'
import { InvitedSection } from './sections/invited.ts'
import { JoinedRooms } from './sections/joined-rooms.ts'
import { JoinedSection } from './sections/joined.ts'
import { LeftSection } from './sections/left.ts'
import { PresenceSection } from './sections/presence.ts'
import { RoomEvents } from './sections/room-events.ts'
import { RoomStates } from './sections/state.ts'
import { StickySection } from './sections/sticky.ts'
import { Summaries } from './sections/summary.ts'
import { Timelines } from './sections/timeline.ts'
import { type UnreadCounts, UnreadSection } from './sections/unread.ts'
import { eventList, type Span } from './span.ts'

export interface SyncParts extends DevicesParts {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly clock: Clock
  readonly notifier: Notifier
  readonly tails: RoomTails
  readonly events: EventCache
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly visibility: Visibility
  readonly ignored: IgnoredUsers
  readonly clientEvents: ClientEvents
  readonly typing: Pick<Typing, 'typersSince'>
  readonly presence: Pick<Presence, 'beginSync' | 'shown' | 'listSince' | 'listPresent' | 'contentOf'>
  readonly unreadCounts: UnreadCounts
  readonly pushRules: PushRuleReader
  readonly threadSubscriptions: Pick<ThreadSubscriptions, 'list'>
  readonly stickyEvents: Pick<StickyEvents, 'list'>
}

export interface SyncRequest extends Omit<Span, 'upto'> {
  readonly timeoutMs: number
  /** What the user wants to be shown as meanwhile. */
  readonly setPresence: PresenceState
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
}

/** A long answer comes in pieces, which are made as the client takes them. */
export type SyncAnswer = string | AsyncIterable<string>

interface Answer {
  readonly text: SyncAnswer
  readonly hasNews: boolean
}

interface Snapshot {
  readonly span: Span
  readonly rooms: ReadonlyMap<RoomId, MembershipRow>
  readonly candidates: Candidates
}

/** An answer with more rooms that are new to the client comes in pieces. */
const MAX_ROOMS_WHOLE = 1_000

export class Sync {
  readonly #parts: SyncParts
  readonly #lister: RoomLister
  readonly #joined: JoinedRooms
  readonly #left: LeftSection
  readonly #invited: InvitedSection
  readonly #accountData: AccountDataSection
  readonly #devices: DevicesSection
  readonly #presence: PresenceSection
  readonly #sticky: StickySection

  constructor(parts: SyncParts) {
    this.#parts = parts
    const timelines = new Timelines(parts)
    const states = new RoomStates({ ...parts, lazyMembers: new LazyMembers() })
    const unread = new UnreadSection(parts)
    const readable = new RoomEvents(parts)
    this.#lister = new RoomLister(parts)
    this.#left = new LeftSection({ ...parts, timelines, states })
    this.#invited = new InvitedSection(parts)
    this.#accountData = new AccountDataSection(parts)
    this.#joined = new JoinedRooms({
      joined: new JoinedSection({ ...parts, timelines, states, summaries: new Summaries(parts), unread, readable }),
      accountData: this.#accountData,
      ephemeral: new EphemeralSection(parts),
    })
    this.#devices = new DevicesSection(parts)
    this.#presence = new PresenceSection(parts)
    this.#sticky = new StickySection(parts)
  }

  /** The answer: at once if there is news, else when there is some or the time is up. */
  async sync(request: SyncRequest): Promise<SyncAnswer> {
    const { who, setPresence } = request
    const endPresence = this.#parts.presence.beginSync(who.userId, who.deviceId, setPresence)
    try {
      // Else the next sync, which would wait, were answered at once with no more than that the user is online.
      if (!request.since) await this.#parts.presence.shown(who.userId)
      return await this.#answer(request)
    } finally {
      endPresence()
    }
  }

  async #answer(request: SyncRequest): Promise<SyncAnswer> {
    const { clock, notifier } = this.#parts
    const { who, timeoutMs, signal } = request
    const until = clock.monotonic() + timeoutMs
    let since = request.since && (await reached(this.#parts, request.since, signal))
    for (;;) {
      const snapshot = await this.#snapshot({ ...request, since })
      const { span, rooms } = snapshot
      const isFirst = !since || span.fullState
      await this.#devices.acknowledge(span)
      const answer =
        isFirst || (since && notifier.hasNews(who.userId, rooms, since))
          ? await this.#build(snapshot)
          : { hasNews: false, text: '' }
      if (isFirst || answer.hasNews) return answer.text
      const left = until - clock.monotonic()
      if (left <= 0) return await this.#nothing(span)
      // What there was did not concern the client, so it knows it.
      since = span.upto
      try {
        await notifier.wait({ userId: who.userId, since, timeoutMs: left, signal })
      } catch (error) {
        if (error instanceof MatrixError) throw error // nobody is there any more
        return await this.#nothing(span) // the server stops
      }
    }
  }

  /** Positions, memberships and the rooms to look at, all of one moment. */
  async #snapshot(request: Omit<Span, 'upto'>): Promise<Snapshot> {
    const { who, since, filter, fullState, stateAfter } = request
    const rooms = await roomsOf(this.#parts, who.userId)
    const span = { who, since, upto: this.#parts.streams.positions(), filter, fullState, stateAfter }
    return { span, rooms, candidates: this.#lister.candidates(span, rooms) }
  }

  async #nothing(span: Span): Promise<string> {
    return `{"next_batch":"${formatSyncToken(span.upto)}"${await this.#devices.keys(span)}}`
  }

  async #build({ span, rooms: memberships, candidates }: Snapshot): Promise<Answer> {
    const { notifier } = this.#parts
    const { who, since, upto } = span
    const concerns = (stream: StreamName): boolean =>
      !since || notifier.concerns(stream, who.userId, memberships, since[stream])
    const hasNews = { presence: concerns('presence'), device_lists: concerns('device_lists') }
    const accountData = await this.#accountData.changes(span)
    const lists = await this.#lister.list(span, candidates, memberships, accountData.rooms.keys())
    const sticky = await this.#sticky.read(span, lists)
    const news = { accountData: accountData.rooms, sticky: sticky.rooms }
    const isLong = lists.fresh.length > MAX_ROOMS_WHOLE
    const [join, invite, knock, leave, messages, met, keys] = await Promise.all([
      isLong ? [] : this.#joined.all(span, lists, news),
      this.#invited.texts(span, lists.invited, 'invite'),
      this.#invited.texts(span, lists.knocked, 'knock'),
      Promise.all(lists.left.map((room) => this.#left.text(span, room))),
      this.#devices.messages(span),
      findMet(this.#parts, span, lists),
      this.#devices.keys(span),
    ])
    const [deviceLists, presence] = await Promise.all([
      this.#devices.lists(span, met.rooms, hasNews.device_lists),
      this.#presence.texts(span, hasNews.presence, met.users),
    ])
    let text = ''
    if (accountData.global.length > 0) text += `,"account_data":${eventList(accountData.global)}`
    if (presence.length > 0) text += `,"presence":${eventList(presence)}`
    if (messages.texts.length > 0) text += `,"to_device":${eventList(messages.texts)}`
    if (deviceLists !== undefined) text += `,"device_lists":${deviceLists}`
    const rooms = roomsText({ invite, knock, leave, join })
    const next = formatSyncToken({ ...upto, to_device: messages.upto, sticky_events: sticky.upto })
    const head = `{"next_batch":"${next}"${text}${keys}`
    if (isLong) return { hasNews: true, text: pieces(head, rooms, this.#joined.some(span, lists, news)) }
    return {
      hasNews: text !== '' || rooms !== '',
      text: rooms === '' ? `${head}}` : `${head},"rooms":{${rooms}}}`,
    }
  }
}

/** The parts of `rooms` that there are. */
function roomsText(parts: Readonly<Record<'invite' | 'knock' | 'leave' | 'join', readonly string[]>>): string {
  return Object.entries(parts)
    .filter(([, texts]) => texts.length > 0)
    .map(([name, texts]) => `"${name}":{${texts.join(',')}}`)
    .join(',')
}

async function* pieces(head: string, rooms: string, joined: AsyncIterable<readonly string[]>): AsyncGenerator<string> {
  yield `${head},"rooms":{${rooms}${rooms === '' ? '' : ','}"join":{`
  let comma = ''
  for await (const texts of joined) {
    if (texts.length === 0) continue
    yield comma + texts.join(',')
    comma = ','
  }
  yield '}}}'
}
