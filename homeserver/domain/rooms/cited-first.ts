import type { EventId } from '../../core/ids.ts'

/**
 * The events by what each of them cites, cited ones before those that cite them, without recursion; of a circle nobody is
 * told. Who cites an event follows soon after it, so that it is still at hand.
 */
export function citedFirst(citations: ReadonlyMap<EventId, readonly EventId[]>): EventId[] {
  const waitsFor = new Map<EventId, number>()
  const citedBy = new Map<EventId, EventId[]>()
  const ready: EventId[] = []
  for (const [eventId, cited] of citations) {
    const here = new Set(cited).intersection(citations)
    for (const id of here) {
      const citing = citedBy.get(id)
      if (citing) citing.push(eventId)
      else citedBy.set(id, [eventId])
    }
    if (here.size === 0) ready.push(eventId)
    else waitsFor.set(eventId, here.size)
  }
  const ordered: EventId[] = []
  for (let eventId = ready.pop(); eventId !== undefined; eventId = ready.pop()) {
    ordered.push(eventId)
    for (const citing of citedBy.get(eventId) ?? []) {
      const left = (waitsFor.get(citing) ?? 0) - 1
      waitsFor.set(citing, left)
      if (left === 0) ready.push(citing)
    }
  }
  return ordered
}
