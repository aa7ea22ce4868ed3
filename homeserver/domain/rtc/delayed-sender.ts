/** Sends an event that was left here, as the user who left it. */
import { parseJson } from '../../core/canonical-json.ts'
import { forbidden, MatrixError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { EventId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { findAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import { type DelayedEventRow, finaliseDelayedEvent } from '../../storage/delayed-events.ts'
import type { Requester } from '../accounts/requester.ts'
import { delayedDevice } from '../rooms/client-event.ts'
import type { EventSender } from '../rooms/send.ts'
import type { RoomState } from '../rooms/state.ts'

export interface DelayedSenderParts {
  readonly database: Database
  readonly clock: Clock
  readonly eventSender: EventSender
  readonly roomState: RoomState
}

export class DelayedSender {
  readonly #parts: DelayedSenderParts

  constructor(parts: DelayedSenderParts) {
    this.#parts = parts
  }

  /** Resolves when the event is on disk and no more waits. Refuses what the room or the account refuses at this moment. */
  async send(row: DelayedEventRow): Promise<EventId> {
    const { database, clock, eventSender, roomState } = this.#parts
    const who = await this.#requester(row.user_id)
    const common = {
      ...(row.sticky_ms === null ? {} : { stickyDuration: row.sticky_ms }),
      roomId: row.room_id,
      type: row.type,
      content: parseJson(row.content) as JsonObject, // it was an object when it was left here
    }
    const eventId =
      row.state_key === null
        ? await eventSender.send(who, { ...common, transactionId: row.delay_id })
        : await roomState.set(who, { ...common, stateKey: row.state_key, transactionId: row.delay_id })
    // Nothing was sent where the state was so already, and memberships have a way of their own.
    await database.transaction('finalise delayed event', (tx) =>
      finaliseDelayedEvent(tx, row.delay_id, { ts: clock.now(), outcome: 'sent', eventId }),
    )
    return eventId
  }

  async #requester(userId: UserId): Promise<Requester> {
    const account = await findAccount(this.#parts.database, userId)
    if (account?.isDeactivated) throw forbidden('The account has ended')
    if (account?.isSuspended) throw new MatrixError(403, 'M_USER_SUSPENDED', 'The account is suspended')
    return {
      userId,
      deviceId: undefined,
      sessionId: delayedDevice,
      isGuest: account?.isGuest ?? false,
      isAdmin: false,
      isSuspended: false,
      appserviceId: undefined,
    }
  }
}
