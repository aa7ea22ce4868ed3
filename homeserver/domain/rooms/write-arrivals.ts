import type { Tx } from '../../storage/database.ts'
import { addEarlyRedactions, placeEvents, type StoredEvent } from '../../storage/events.ts'
import { addGaps, closeGaps } from '../../storage/gaps.ts'
import { setStrippedState } from '../../storage/stripped-states.ts'
import type { BuiltEvent } from './build.ts'

/** What only events of other servers bring with them. */
export async function writeArrivals(
  tx: Tx,
  built: readonly BuiltEvent[],
  stored: readonly StoredEvent[],
): Promise<void> {
  const arrived = built.flatMap((event) => (event.arrival ? [{ ...event, arrival: event.arrival }] : []))
  await placeEvents(
    tx,
    stored.filter((_, index) => built[index]?.arrival?.isStored === true).map(({ row }) => row),
  )
  await addGaps(
    tx,
    arrived.flatMap(({ roomId, eventId, arrival }) =>
      arrival.missingParents.map((missingId) => ({ roomId, missingId, childId: eventId })),
    ),
  )
  for (const [roomId, events] of Map.groupBy(arrived, (event) => event.roomId)) {
    await closeGaps(
      tx,
      roomId,
      events.map(({ eventId }) => eventId),
    )
  }
  await addEarlyRedactions(
    tx,
    arrived.flatMap(({ eventId, arrival: { redactsLater } }) =>
      redactsLater ? [{ targetId: redactsLater, redactionId: eventId }] : [],
    ),
  )
  for (const { nid, arrival } of arrived) {
    if (arrival.strippedState) await setStrippedState(tx, nid, arrival.strippedState)
  }
}
