/** The events that events rest on. https://spec.matrix.org/v1.19/server-server-api/#auth-chain */
import { topLevelText } from '../../core/canonical-json.ts'
import { type EventReference, referenceIds } from '../../core/event.ts'
import type { EventId } from '../../core/ids.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { EventCache } from '../rooms/event-cache.ts'

/** Events read at once. */
const BATCH = 500

/** The ids of all that `roots` or events of their auth chains cite; a root only where another one rests on it. */
export async function authChainOf(events: EventCache, roots: Iterable<EventId>): Promise<Set<EventId>> {
  const walked = new Set(roots)
  const chain = new Set<EventId>()
  const open = [...walked]
  while (open.length > 0) {
    for (const event of (await events.list(open.splice(-BATCH))).values()) {
      for (const id of authEventsOf(event)) {
        chain.add(id)
        if (walked.has(id)) continue
        walked.add(id)
        open.push(id)
      }
    }
  }
  return chain
}

/** Read from the text: of most events of a chain nothing else is looked at. */
function authEventsOf({ row }: StoredEvent): EventId[] {
  const text = topLevelText(row.json, 'auth_events') ?? '[]'
  return referenceIds(JSON.parse(text) as EventReference[]) // the format was checked before it was stored
}

/** The PDUs as they are stored, as the elements of a JSON list in pieces, without its brackets. */
export async function* pduTexts(events: EventCache, ids: Iterable<EventId>): AsyncGenerator<string> {
  const left = [...ids]
  let separator = ''
  for (let from = 0; from < left.length; from += BATCH) {
    const found = await events.list(left.slice(from, from + BATCH))
    if (found.size === 0) continue
    yield separator + [...found.values()].map(({ row }) => row.json).join(',')
    separator = ','
  }
}
