/**
 * Events as clients get them, cut from the stored text: nothing is parsed or encoded again.
 * https://spec.matrix.org/v1.19/client-server-api/#room-event-format
 */
import { isJsonObject, topLevelSpan } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import type { DeviceId, EventId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { Requester } from '../accounts/requester.ts'
import type { EventCache } from './event-cache.ts'

export interface ClientForm {
  /** For the age, in milliseconds since the epoch. */
  readonly now: number
  /** False in /sync, where the room is known. */
  readonly withRoomId?: boolean
  /** `federation` is for clients that ask for events as servers send them to each other. */
  readonly format?: 'client' | 'federation'
  /** Leaves only some fields: `project` of a compiled filter. Costs a parse. */
  readonly project?: ((event: JsonObject) => JsonObject) | undefined
  /** The session that is told its own transaction ids. */
  readonly session?: Session | undefined
}

/** Stands for the device where an event was left to be sent later: its transaction id is that of the delayed event. */
export const delayedDevice = 'org.matrix.msc4140'

/** What `unsigned` says besides age and transaction id. */
export interface Surroundings {
  /** The state event it replaced. */
  readonly replaced?: StoredEvent | undefined
  readonly redaction?: StoredEvent | undefined
  /** Bundled aggregations, as the text of `m.relations`. */
  readonly relations?: string | undefined
  /** What the reader was in the room at the event. */
  readonly membership?: string | undefined
}

export interface Session {
  readonly userId: UserId
  /** As `EventDraft.transaction` names it. */
  readonly device: DeviceId | undefined
}

/** The JSON of an event. */
export function clientEventText(event: StoredEvent, form: ClientForm, around: Surroundings = {}): string {
  const base = form.format === 'federation' ? federationBase(event) : clientBase(event)
  const roomId = form.format !== 'federation' && form.withRoomId !== false
  const room = roomId ? `,"room_id":${JSON.stringify(event.roomId)}` : ''
  const text = `${base}${room},"unsigned":{${unsignedMembers(event, form, around)}}}`
  if (!form.project) return text
  return JSON.stringify(form.project(JSON.parse(text) as JsonObject)) // an event is an object
}

/** What somebody who is not in a room gets of its state. https://spec.matrix.org/v1.19/client-server-api/#stripped-state */
export function strippedStateText({ row, contentText }: StoredEvent): string {
  return `{"content":${contentText},"sender":${JSON.stringify(row.sender)},"state_key":${JSON.stringify(row.state_key)},"type":${JSON.stringify(row.type)}}`
}

/** Asks for what other events say about events. Declared here, fulfilled by relations. */
export interface Aggregations {
  /** For those of the events that have any: the text of `unsigned.m.relations`. */
  bundle(events: readonly StoredEvent[], who: Pick<Requester, 'userId'>): Promise<ReadonlyMap<EventId, string>>
}

export class ClientEvents {
  readonly #events: EventCache
  readonly #clock: Clock
  readonly #aggregations: Aggregations | undefined

  constructor({ events, clock, aggregations }: { events: EventCache; clock: Clock; aggregations?: Aggregations }) {
    this.#events = events
    this.#clock = clock
    this.#aggregations = aggregations
  }

  /**
   * The JSON of each event as `who` gets it, whatever there is to say about it included. Whether he may see the events
   * is asked before. `bundled` tells which of them others may relate to, `memberships` what he was in the room at each.
   */
  async texts(
    events: readonly StoredEvent[],
    who: Requester,
    form: Omit<ClientForm, 'now' | 'session'> & {
      readonly bundled?: boolean | ((event: StoredEvent) => boolean)
      readonly memberships?: Pick<ReadonlyMap<EventId, string>, 'get'>
    } = {},
  ): Promise<string[]> {
    const { bundled = true } = form
    const related = typeof bundled === 'function' ? events.filter(bundled) : bundled ? events : []
    const bundling = related.length > 0 ? this.#aggregations?.bundle(related, who) : undefined
    const [around, relations] = await Promise.all([this.surroundings(events), bundling])
    const whole: ClientForm = { ...form, now: this.#clock.now(), session: sessionOf(who) }
    return events.map((event) =>
      clientEventText(event, whole, {
        ...around(event),
        relations: relations?.get(event.eventId),
        membership: form.memberships?.get(event.eventId),
      }),
    )
  }

  async text(event: StoredEvent, who: Requester, form: Parameters<ClientEvents['texts']>[2] = {}): Promise<string> {
    const [text = ''] = await this.texts([event], who, form)
    return text
  }

  /** Reads at once what each of the events replaced and what redacted it. */
  async surroundings(events: readonly StoredEvent[]): Promise<(event: StoredEvent) => Surroundings> {
    const replaced = events.flatMap(({ row }) => row.replaces_nid ?? [])
    const redactions = events.flatMap(({ row }) => row.redacted_by ?? [])
    if (replaced.length === 0 && redactions.length === 0) return () => nothing
    const [byNid, byId] = await Promise.all([
      replaced.length === 0 ? undefined : this.#events.listByNid(replaced),
      redactions.length === 0 ? undefined : this.#events.list(redactions),
    ])
    return ({ row }) => ({
      replaced: row.replaces_nid === null ? undefined : byNid?.get(row.replaces_nid),
      redaction: row.redacted_by === null ? undefined : byId?.get(row.redacted_by),
    })
  }
}

/** The session whose transaction ids a requester is told. */
export function sessionOf({ userId, deviceId, sessionId }: Requester): Session {
  return { userId, device: deviceId ?? sessionId }
}

const nothing: Surroundings = {}

/** The members that are the same for every reader. Events live in a cache, and this with them. */
const bases = new WeakMap<StoredEvent, string>()

function clientBase(event: StoredEvent): string {
  const known = bases.get(event)
  if (known !== undefined) return known
  const { row } = event
  const stateKey = row.state_key === null ? '' : `"state_key":${JSON.stringify(row.state_key)},`
  const base =
    `{"content":${contentOf(event)},"event_id":${JSON.stringify(row.event_id)},` +
    `"origin_server_ts":${row.origin_server_ts},${redactsOf(event)}"sender":${JSON.stringify(row.sender)},` +
    `${stateKey}"type":${JSON.stringify(row.type)}` +
    (event.stickyMs > 0 ? `,"msc4354_sticky":{"duration_ms":${event.stickyMs}}` : '')
  bases.set(event, base)
  return base
}

/** The PDU without its own `unsigned`, with its id. */
function federationBase({ row }: StoredEvent): string {
  const id = topLevelSpan(row.json, 'event_id') ? '' : `"event_id":${JSON.stringify(row.event_id)},`
  const unsigned = topLevelSpan(row.json, 'unsigned')
  const end = unsigned ? unsigned.start - '"unsigned":'.length : row.json.length - 1
  const rest = unsigned ? row.json.slice(unsigned.end, -1) : ''
  return `{${id}${row.json.slice(1, end).replace(/,$/, '')}${rest}`
}

const redactionType = 'm.room.redaction'

// Old clients look for `redacts` beside the content, new ones within it, whatever the room version.
// https://spec.matrix.org/v1.19/client-server-api/#mroomredaction

function redactsOf(event: StoredEvent): string {
  const target = event.row.type === redactionType ? targetOf(event) : undefined
  return target === undefined ? '' : `"redacts":${JSON.stringify(target)},`
}

function contentOf(event: StoredEvent): string {
  const text = event.contentText
  const target = event.row.type === redactionType ? targetOf(event) : undefined
  if (target === undefined || topLevelSpan(text, 'redacts')) return text
  return `{"redacts":${JSON.stringify(target)}${text === '{}' ? '}' : `,${text.slice(1)}`}`
}

function targetOf({ pdu }: StoredEvent): string | undefined {
  const target = pdu.redacts ?? (isJsonObject(pdu.content) ? pdu.content['redacts'] : undefined)
  return typeof target === 'string' ? target : undefined
}

function unsignedMembers(event: StoredEvent, form: ClientForm, around: Surroundings): string {
  const { row } = event
  const age = form.now - row.origin_server_ts
  let text = `"age":${age}`
  if (event.stickyMs > age) text += `,"msc4354_sticky_duration_ttl_ms":${event.stickyMs - Math.max(0, age)}`
  if (row.txn_id !== null && form.session?.userId === row.sender) {
    if (row.txn_device === delayedDevice) text += `,"org.matrix.msc4140.delay_id":${JSON.stringify(row.txn_id)}`
    else if (row.txn_device === form.session.device) text += `,"transaction_id":${JSON.stringify(row.txn_id)}`
  }
  const { replaced, redaction, relations, membership } = around
  if (replaced) {
    const { sender, event_id: eventId } = replaced.row
    text += `,"prev_content":${replaced.contentText},"prev_sender":${JSON.stringify(sender)},"replaces_state":${JSON.stringify(eventId)}`
  }
  if (redaction) text += `,"redacted_because":${clientEventText(redaction, { now: form.now })}`
  if (relations !== undefined) text += `,"m.relations":${relations}`
  if (membership !== undefined) text += `,"membership":${JSON.stringify(membership)}`
  return text
}
