/** Events of which no more than the text is kept: as objects, those of a large room would take five times the memory. */
import { parseJson } from '../../../core/canonical-json.ts'
import { type Pdu, type StateKey, stateKeyOf } from '../../../core/event.ts'
import type { EventId, RoomId } from '../../../core/ids.ts'
import type { RemoteEvent } from '../../rooms/remote-event.ts'

export class PackedEvent implements RemoteEvent {
  readonly eventId: EventId
  readonly roomId: RoomId
  readonly json: string
  readonly authIds: readonly EventId[]
  /** Undefined for what is no state. */
  readonly key: StateKey | undefined

  constructor({ eventId, roomId, json, pdu }: RemoteEvent, authIds: readonly EventId[]) {
    this.eventId = eventId
    this.roomId = roomId
    this.json = json
    this.authIds = authIds
    this.key = pdu.state_key === undefined ? undefined : stateKeyOf(pdu.type, pdu.state_key)
  }

  /** Parsed anew each time. */
  get pdu(): Pdu {
    return parseJson(this.json) as Pdu // it was one when it was checked
  }
}
