/**
 * Simplified sliding sync: a client says which rooms it shows and gets these, first as they are, then what changes in them.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4186
 */
import { compileFilter, parseFilter } from '../../../core/filter.ts'
import { MatrixError } from '../../../core/errors.ts'
import { isRoomId, type RoomId } from '../../../core/ids.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import type { Positions } from '../../../storage/streams.ts'
import { findMet } from '../met.ts'
import { reached, roomsOf } from '../moment.ts'
import { RoomLister } from '../room-lists.ts'
import type { Span } from '../span.ts'
import type { SyncParts } from '../v3.ts'
import { type Begun, Connections } from './connections.ts'
import { AccountDataExtension } from './extensions/account-data.ts'
import { E2eeExtension } from './extensions/e2ee.ts'
import { byRoom, type Extension } from './extensions/extension.ts'
import { ProfilesExtension } from './extensions/profiles.ts'
import { ReceiptsExtension } from './extensions/receipts.ts'
import { StickyEventsExtension } from './extensions/sticky-events.ts'
import { ThreadSubscriptionsExtension } from './extensions/thread-subscriptions.ts'
import { ToDeviceExtension } from './extensions/to-device.ts'
import { TypingExtension } from './extensions/typing.ts'
import { type ListedRoom, type Listing, Listings } from './listing.ts'
import type { SlidingRequest } from './request.ts'
import { combined, type RoomConfig, RoomConfigs } from './room-config.ts'
import { type RoomMarks, RoomMarksCache } from './room-marks.ts'
import { RoomsSection } from './rooms-section.ts'
import { RoomTraitsCache } from './room-traits.ts'
import { live, Telling } from './told.ts'
import { Windows } from './windows.ts'

interface Built {
  /** The members of the answer besides `pos`. */
  readonly text: string
  readonly hasNews: boolean
}

/** What the client shows. */
interface View {
  readonly counts: ReadonlyMap<string, number>
  readonly windows: ReadonlyMap<string, readonly RoomId[]>
  readonly subscribed: readonly RoomId[]
  readonly wanted: ReadonlyMap<RoomId, RoomConfig>
  readonly listed: ReadonlyMap<RoomId, ListedRoom>
}

type ByRoom = ReadonlyMap<RoomId, MembershipRow>

const everything = compileFilter(parseFilter({}))

export class SlidingSync {
  readonly connections: Connections
  readonly #parts: SyncParts
  readonly #configs = new RoomConfigs()
  readonly #lister: RoomLister
  readonly #listings: Listings
  readonly #windows: Windows
  readonly #marks: RoomMarksCache
  readonly #rooms: RoomsSection
  readonly #extensions: readonly Extension[]

  constructor(parts: SyncParts) {
    this.#parts = parts
    this.connections = new Connections({ ...parts, configs: this.#configs })
    this.#lister = new RoomLister(parts)
    this.#listings = new Listings({ ...parts, traits: new RoomTraitsCache(parts) })
    this.#windows = new Windows(parts)
    this.#marks = new RoomMarksCache(parts)
    this.#rooms = new RoomsSection(parts)
    this.#extensions = [
      new ToDeviceExtension(parts),
      new E2eeExtension(parts),
      new AccountDataExtension(parts),
      new ReceiptsExtension(parts),
      new TypingExtension(parts),
      new ThreadSubscriptionsExtension(parts),
      new StickyEventsExtension(parts),
      new ProfilesExtension(parts),
    ]
  }

  /**
   * The answer as JSON: at once if there is anything to tell, else when there is or the time is up. Throws `M_UNKNOWN_POS`
   * for a position that is not kept any more.
   */
  async sync(request: SlidingRequest): Promise<string> {
    const { who, setPresence } = request
    const endPresence = this.#parts.presence.beginSync(who.userId, who.deviceId, setPresence)
    try {
      return await this.#answer(request)
    } finally {
      endPresence()
    }
  }

  async #answer(request: SlidingRequest): Promise<string> {
    const { clock, notifier } = this.#parts
    const { who, pos, connId, timeoutMs, signal } = request
    const until = clock.monotonic() + timeoutMs
    const key = { userId: who.userId, sessionId: who.sessionId, connId }
    const begun = await this.connections.begin(key, pos)
    const telling = new Telling(begun.told)
    let since = begun.since && (await reached(this.#parts, begun.since, signal))
    this.#rooms.comesBack(this.#span(request, begun, since))
    for (;;) {
      // A copy: it goes on changing, and the answer is about this moment.
      const current = await roomsOf(this.#parts, who.userId)
      const rooms = new Map(current)
      const span = this.#span(request, begun, since)
      const built = await this.#build(request, span, { current, rooms }, telling)
      const left = until - clock.monotonic()
      const finish = async (): Promise<string> => {
        const next = await this.connections.end(key, begun, telling, span.upto)
        return `{"pos":${JSON.stringify(next)}${built.text}}`
      }
      if (!since || built.hasNews || left <= 0) return await finish()
      // What there was did not concern the client, so it knows it.
      since = span.upto
      try {
        await notifier.wait({ userId: who.userId, since, timeoutMs: left, signal })
      } catch (error) {
        if (error instanceof MatrixError) throw error // nobody is there any more
        return await finish() // the server stops
      }
    }
  }

  /** Each life of each connection is told of members as a session of its own. */
  #span({ who, connId }: SlidingRequest, { epoch, told }: Begun, since: Positions | undefined): Span {
    return {
      who,
      listener: `${who.sessionId} ${connId} ${epoch}`,
      told: told.seq,
      since,
      upto: this.#parts.streams.positions(),
      filter: everything,
      fullState: false,
      stateAfter: undefined,
    }
  }

  async #build(
    request: SlidingRequest,
    span: Span,
    { current, rooms: memberships }: { readonly current: ByRoom; readonly rooms: ByRoom },
    telling: Telling,
  ): Promise<Built> {
    const { userId } = span.who
    const candidates = this.#lister.candidates(span, memberships)
    const [lists, marks, listing] = await Promise.all([
      this.#lister.list(span, candidates, memberships, []),
      this.#marks.of(userId),
      this.#listings.of(userId, current, memberships, span.upto),
    ])
    const view = await this.#view(request, listing, marks, memberships)
    const before = telling.rooms
    const [rooms, met] = await Promise.all([
      this.#rooms.build(span, {
        ...view,
        lists,
        memberships,
        marks,
        telling,
        directInvites: (rows) => this.#windows.directInvites(rows),
      }),
      request.extensions.e2ee?.enabled || request.extensions.profiles?.enabled
        ? findMet(this.#parts, span, lists)
        : { rooms: [], users: [] },
    ])
    const answers = new Map(rooms.answers.map((answer) => [answer.roomId, answer]))
    const returning = new Set([...answers.keys()].filter((roomId) => before.get(roomId)?.events !== live))
    const scene = { span, request, ...view, answers, returning, lists, met, telling }
    // One after the other: some of them note what they tell.
    const extensions: string[] = []
    let hasNews = rooms.texts.size > 0
    for (const extension of this.#extensions) {
      const { text, hasNews: isNew } = await extension.answer(scene)
      if (text !== undefined) extensions.push(`${JSON.stringify(extension.name)}:${text}`)
      hasNews ||= isNew
    }
    const counts = [...view.counts].map(([name, count]) => `${JSON.stringify(name)}:{"count":${count}}`)
    const txnId = request.txnId === undefined ? '' : `,"txn_id":${JSON.stringify(request.txnId)}`
    return {
      text: `${txnId},"lists":{${counts.join(',')}},"rooms":${byRoom(rooms.texts)},"extensions":{${extensions.join(',')}}`,
      hasNews,
    }
  }

  async #view(
    { who, lists, subscriptions }: SlidingRequest,
    listing: Listing,
    marks: RoomMarks,
    memberships: ByRoom,
  ): Promise<View> {
    const wanted = new Map<RoomId, RoomConfig>()
    const listed = new Map<RoomId, ListedRoom>()
    const want = (roomId: RoomId, config: RoomConfig, room: ListedRoom | undefined): void => {
      const other = wanted.get(roomId)
      wanted.set(roomId, other ? combined(other, config) : config)
      if (room) listed.set(roomId, room)
    }
    const counts = new Map<string, number>()
    const windows = new Map<string, RoomId[]>()
    for (const [name, list] of Object.entries(lists)) {
      const config = this.#configs.make(list.timeline_limit, [list.required_state], who.userId)
      const { count, rooms } = await this.#windows.window(listing, list, marks)
      counts.set(name, count)
      windows.set(
        name,
        rooms.filter(({ row }) => row.membership === 'join').map(({ row }) => row.room_id),
      )
      for (const room of rooms) want(room.row.room_id, config, room)
    }
    const subscribed: RoomId[] = []
    for (const [roomId, room] of Object.entries(subscriptions)) {
      const row = isRoomId(roomId) ? memberships.get(roomId) : undefined
      if (!row) continue
      const config = this.#configs.make(room.timeline_limit, [room.required_state], who.userId)
      want(row.room_id, config, listed.get(row.room_id) ?? listing.find((other) => other.row.room_id === row.room_id))
      if (row.membership === 'join') subscribed.push(row.room_id)
    }
    return { counts, windows, subscribed, wanted, listed }
  }
}
