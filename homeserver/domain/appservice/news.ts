/** What is new for an application service: the next transaction, taken from the streams where the last one ended. */
import type { RoomId } from '../../core/ids.ts'
import type { AppservicePlace } from '../../storage/appservices.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Appservice } from '../accounts/appservices.ts'
import { type EncryptionParts, keysLeft, takeDeviceLists, takeToDevice } from './encryption.ts'
import { type EphemeralParts, takePresence, takeReceipts, type Taken, typingTexts } from './ephemeral.ts'
import { type EventLog, placeOf } from './event-log.ts'
import type { Interest } from './interest.ts'

export interface NewsParts extends EphemeralParts, EncryptionParts {
  readonly streams: Streams
  readonly log: EventLog
  readonly interest: Interest
}

export interface News {
  readonly events: readonly StoredEvent[]
  /** The other members of the transaction, as JSON text without braces. */
  readonly members: string
  readonly place: AppservicePlace
  /** The places of messages to devices that the transaction takes for good. */
  readonly takenMessages: readonly number[]
  /** There may be more where this came from. */
  readonly isFull: boolean
}

/** Of each stream in one transaction. */
const MAX_EACH = 100
/** Events looked at in one go. */
const MAX_SEEN = 500

/** `typing`: the rooms where somebody started or stopped typing. */
export async function readNews(
  parts: NewsParts,
  appservice: Appservice,
  place: AppservicePlace,
  typing: Iterable<RoomId>,
): Promise<News> {
  const { receivesEphemeral, receivesEncryption } = appservice
  const upto = parts.streams.positions()
  const next = upto.events + 1
  const rangeOf = (stream: keyof AppservicePlace, isWanted: boolean, limit = MAX_EACH) =>
    ({ after: isWanted ? place[stream] : upto[stream], upto: upto[stream], limit }) as const
  const wantsMessages = receivesEphemeral || receivesEncryption
  const [{ events, end }, receipts, presence, typers, messages, lists] = await Promise.all([
    takeEvents(parts, appservice, rangeOf('events', true, MAX_SEEN)),
    takeReceipts(parts, appservice, rangeOf('receipts', receivesEphemeral), next),
    takePresence(parts, appservice, rangeOf('presence', receivesEphemeral), next),
    typingTexts(parts, appservice, typing, next),
    takeToDevice(parts, appservice, rangeOf('to_device', wantsMessages)),
    takeDeviceLists(parts, appservice, rangeOf('device_lists', receivesEncryption), next),
  ])
  const ends: AppservicePlace = {
    events: end,
    receipts: receipts.end,
    presence: presence.end,
    to_device: messages.end,
    device_lists: lists.end,
  }
  const rooms = new Set(events.map(({ roomId }) => roomId))
  const keys = receivesEncryption ? await keysLeft(parts, appservice, rooms, messages.recipients) : undefined
  const ephemeral = [...typers, ...receipts.texts, ...presence.texts]
  return {
    events,
    members: [
      ...member(ephemeral, ['ephemeral', 'de.sorunome.msc2409.ephemeral'], list),
      ...member(messages.texts, ['to_device', 'de.sorunome.msc2409.to_device'], list),
      ...member(lists.texts, ['device_lists', 'org.matrix.msc3202.device_lists'], one),
      ...member(keys ? [JSON.stringify(keys.counts)] : [], countNames, one),
      ...member(keys ? [JSON.stringify(keys.fallbacks)] : [], fallbackNames, one),
    ].join(','),
    place: ends,
    takenMessages: messages.forGood,
    isFull: placeNames.some((stream) => ends[stream] < upto[stream]),
  }
}

const placeNames = ['events', 'receipts', 'presence', 'to_device', 'device_lists'] as const
/** Two bridges, two spellings. */
const countNames = [
  'device_one_time_keys_count',
  'org.matrix.msc3202.device_one_time_keys_count',
  'org.matrix.msc3202.device_one_time_key_counts',
]
const fallbackNames = ['device_unused_fallback_key_types', 'org.matrix.msc3202.device_unused_fallback_key_types']

/** The next events that concern the service, and how far that goes. */
async function takeEvents(
  { log, interest }: NewsParts,
  appservice: Appservice,
  range: { readonly after: number; readonly upto: number; readonly limit: number },
): Promise<{ events: StoredEvent[]; end: number }> {
  const seen = range.after < range.upto ? await log.read(range) : []
  const events: StoredEvent[] = []
  for (const event of seen) {
    if (!(await interest.inEvent(appservice, event.row))) continue
    events.push(event)
    if (events.length === MAX_EACH) return { events, end: placeOf(event) }
  }
  const last = seen.at(-1)
  return { events, end: last && seen.length === range.limit ? placeOf(last) : range.upto }
}

const list = (texts: Taken['texts']): string => `[${texts.join(',')}]`
const one = ([text = '{}']: Taken['texts']): string => text

/** Members of one value under all its names; none where there is nothing to tell. */
function member(texts: readonly string[], names: readonly string[], text: typeof list): string[] {
  return texts.length === 0 ? [] : names.map((name) => `"${name}":${text(texts)}`)
}
