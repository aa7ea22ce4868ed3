/** Invitations that are taken back, into rooms that this server is not in. */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { Json } from '../../../core/event.ts'
import { type EventId, isUserId, type RoomId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import { findEvent } from '../../../storage/events.ts'
import type { Members } from '../../rooms/members.ts'
import type { RemoteEventWriter } from '../../rooms/remote-event.ts'
import type { EventVerifier } from '../receive/verify-event.ts'
import { versionOfUnknownRoom } from './local-leave.ts'

export interface RescissionsParts {
  readonly database: Database
  readonly members: Members
  readonly verifier: EventVerifier
  readonly writer: RemoteEventWriter
}

export class Rescissions {
  readonly #parts: RescissionsParts

  constructor(parts: RescissionsParts) {
    this.#parts = parts
  }

  /**
   * The id of the event, if it takes an invitation of a user of ours back and comes from the one who sent that: of a
   * room whose state is not here, nobody else's power to do so is known. Undefined for all other events.
   */
  async take(roomId: RoomId, json: Json): Promise<EventId | undefined> {
    const { database, members, verifier, writer } = this.#parts
    if (!isJsonObject(json) || json['type'] !== 'm.room.member' || !isJsonObject(json['content'])) return undefined
    const { state_key: target, sender, content } = json
    const isRemoval = content['membership'] === 'leave' || content['membership'] === 'ban'
    if (!isRemoval || !isUserId(target) || !members.isLocal(target)) return undefined
    const current = await members.find(roomId, target)
    if (current?.membership !== 'invite' || current.sender !== sender || (await members.hasLocal(roomId))) {
      return undefined
    }
    const invite = await findEvent(database, current.event_id)
    if (!invite) return undefined
    const version = await versionOfUnknownRoom(database, invite)
    const event = await verifier.verify(version, roomId, json)
    await writer.setOutOfBand({ roomId, version, event, strippedState: [] })
    return event.eventId
  }
}
