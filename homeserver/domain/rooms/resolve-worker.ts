/** The thread of `StateResolver`: resolves one conflict. */
import { parentPort, workerData } from 'node:worker_threads'
import { parseJson } from '../../core/canonical-json.ts'
import type { IdentifiedPdu, Pdu } from '../../core/event.ts'
import type { EventId } from '../../core/ids.ts'
import { roomVersions } from '../../core/room-version.ts'
import { resolveState } from '../../core/state/resolve.ts'
import type { ResolutionAnswer, ResolutionMessage } from './resolve-state.ts'

const { version, sets, events, absent, isStrict } = workerData as ResolutionMessage // sent by StateResolver
const texts = new Map(events.map(([id, roomId, json]) => [id, { roomId, json }]))
const rejected = new Set(events.flatMap(([id, , , isRejected]) => (isRejected ? [id] : [])))
const known = new Map<EventId, IdentifiedPdu | undefined>(absent.map((id) => [id, undefined]))

let missing: EventId | undefined

/** What stops a resolution that lacks an event. */
class Stop extends Error {}

function fetch(id: EventId): IdentifiedPdu | undefined {
  if (known.has(id)) return known.get(id)
  const text = texts.get(id)
  if (!text && isStrict) {
    missing = id
    throw new Stop()
  }
  // What is stored was a PDU when it was checked.
  const event = text && { eventId: id, roomId: text.roomId, pdu: parseJson(text.json) as Pdu }
  known.set(id, event)
  return event
}

function answer(): ResolutionAnswer {
  try {
    const maps = sets.map((set) => new Map(set))
    const resolved = resolveState(roomVersions[version], maps, fetch, { isRejected: (id) => rejected.has(id) })
    return { resolved: [...resolved] }
  } catch (error) {
    if (error instanceof Stop && missing !== undefined) return { missing: [missing] }
    throw error
  }
}

parentPort?.postMessage(answer())
