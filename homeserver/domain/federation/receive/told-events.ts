/** All events of a large room as another server tells them: verified as they arrive, then given away in pieces. */
import { parseJson } from '../../../core/canonical-json.ts'
import { MatrixError } from '../../../core/errors.ts'
import { sha256 } from '../../../core/hash.ts'
import type { EventId, RoomId } from '../../../core/ids.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import { citedFirst } from '../../rooms/cited-first.ts'
import { authIds } from '../../rooms/known-events.ts'
import type { RemoteEvent } from '../../rooms/remote-event.ts'
import { type Claim, claimOf } from './claim.ts'
import { PackedEvent } from './packed-event.ts'
import type { EventVerifier } from './verify-event.ts'
import { WantedKeys } from './wanted-keys.ts'

/** Events that are verified, or given away, at once. */
const BATCH = 200
/** For the keys of all of them: most of the servers of a large room that answer at all have answered by then (T50). */
const KEYS_MS = 15 * 60_000

/** Once disposed of, nobody is asked for keys any more. */
export class ToldEvents implements Disposable {
  readonly #room: { readonly version: RoomVersion; readonly roomId: RoomId }
  readonly #verifier: EventVerifier
  readonly #wantedKeys: WantedKeys
  /** Without those that turned out to be untrue. */
  readonly #events = new Map<EventId, PackedEvent>()
  /** By the hashes of texts: state comes in the auth chain once more. */
  readonly #seen = new Map<string, PackedEvent>()
  /** One text stands for an id wherever it is cited: large rooms name few events many times. */
  readonly #ids = new Map<EventId, EventId>()
  #fresh: Claim[] = []
  #checking: Promise<void> = Promise.resolve()
  /** Of events whose keys have to be asked for. */
  readonly #open = new Map<EventId, Claim>()
  readonly #disposed = new AbortController()
  readonly #signal = AbortSignal.any([this.#disposed.signal, AbortSignal.timeout(KEYS_MS)])

  constructor(room: { readonly version: RoomVersion; readonly roomId: RoomId }, verifier: EventVerifier) {
    this.#room = room
    this.#verifier = verifier
    this.#wantedKeys = new WantedKeys((server, keyId) => verifier.seekKey(server, keyId), this.#signal)
  }

  [Symbol.dispose](): void {
    this.#disposed.abort()
  }

  /** The event in a text, which may turn out to be untrue; undefined if there is none of this room. */
  async add(text: string): Promise<PackedEvent | undefined> {
    const digest = sha256(text)
    const known = this.#seen.get(digest)
    if (known) return known
    const event = this.#read(text)
    if (event) this.#seen.set(digest, event)
    if (this.#fresh.length === BATCH) await this.#checkFresh()
    return event
  }

  /** Those that are true, cited events before those that cite them. Only once: nothing of them stays here. */
  async *verified(): AsyncGenerator<readonly RemoteEvent[]> {
    this.#seen.clear()
    await this.#checkFresh()
    await this.#checking
    await this.#wantedKeys.settled()
    const order = citedFirst(new Map(this.#events.values().map((event) => [event.eventId, event.authIds])))
    for (let from = 0, next = this.#take(order, from); from < order.length; from += BATCH) {
      const events = await next
      next = this.#take(order, from + BATCH)
      next.catch(() => undefined) // if nobody asks for it any more
      yield events
    }
  }

  #read(text: string): PackedEvent | undefined {
    try {
      const { version, roomId } = this.#room
      const claim = claimOf(version, roomId, parseJson(text))
      const known = this.#events.get(claim.event.eventId)
      if (known) return known
      const cited = authIds(claim.event, version).map((id) => this.#idOf(id))
      const event = new PackedEvent(claim.event, cited)
      this.#events.set(this.#idOf(event.eventId), event)
      this.#fresh.push({ ...claim, event })
      return event
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      return undefined
    }
  }

  #idOf(eventId: EventId): EventId {
    const known = this.#ids.get(eventId)
    if (known === undefined) this.#ids.set(eventId, eventId)
    return known ?? eventId
  }

  /** Begins to check what has come, while more comes; what came before it has been checked then. */
  async #checkFresh(): Promise<void> {
    const claims = this.#fresh.splice(0)
    await this.#checking
    this.#checking = this.#checkNow(claims)
    this.#checking.catch(() => undefined) // until somebody waits for it
  }

  async #checkNow(claims: readonly Claim[]): Promise<void> {
    const decidable = new Set(await this.#verifier.decidable(claims))
    for (const claim of claims) {
      if (decidable.has(claim)) continue
      this.#open.set(claim.event.eventId, claim)
      this.#wantedKeys.add(claim)
    }
    await this.#settle([...decidable])
  }

  /** Nothing stays of those that are untrue. */
  async #settle(claims: readonly Claim[]): Promise<void> {
    const { events } = await this.#verifier.check(claims, this.#signal)
    const isTrue = new Set(events)
    for (const { event } of claims) if (!isTrue.has(event)) this.#events.delete(event.eventId)
  }

  /** A piece of those in this order. */
  async #take(order: readonly EventId[], from: number): Promise<readonly RemoteEvent[]> {
    const ids = order.slice(from, from + BATCH)
    await this.#settle(ids.flatMap((id) => this.#open.get(id) ?? []))
    const events = ids.flatMap((id) => this.#events.get(id) ?? [])
    for (const id of ids) {
      this.#open.delete(id)
      this.#events.delete(id)
    }
    return events
  }
}
