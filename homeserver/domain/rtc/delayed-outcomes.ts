/** Keeps delayed events in step with rooms: whatever follows from an event is written in the transaction of the event. */
import type { Clock } from '../../platform/clock.ts'
import type { Tx } from '../../storage/database.ts'
import { finaliseDelayedEvent, listScheduledState } from '../../storage/delayed-events.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { delayedDevice } from '../rooms/client-event.ts'
import type { Companion } from '../rooms/commit.ts'

export class DelayedOutcomes implements Companion {
  readonly #clock: Clock

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock
  }

  /** What was sent is sent once, whenever the server dies; state that somebody else sets is not set again by who was before. */
  async write(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
    const ts = this.#clock.now()
    for (const { eventId, row } of events) {
      if (row.txn_device !== delayedDevice || row.txn_id === null) continue
      await finaliseDelayedEvent(tx, row.txn_id, { ts, outcome: 'sent', eventId })
    }
    const state = events.filter(({ row }) => row.state_key !== null)
    if (state.length === 0) return
    const waiting = await listScheduledState(tx, [...new Set(state.map(({ roomId }) => roomId))])
    for (const { delay_id: delayId, ...delayed } of waiting) {
      const isSet = state.some(
        ({ row }) =>
          row.room_id === delayed.room_id &&
          row.type === delayed.type &&
          row.state_key === delayed.state_key &&
          row.sender !== delayed.user_id,
      )
      if (isSet) await finaliseDelayedEvent(tx, delayId, { ts, outcome: 'cancelled' })
    }
  }
}
