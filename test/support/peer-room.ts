/** A room as another server has it, who makes whatever events it likes, allowed or not. Its history forks by copying. */
import { randomBytes } from 'node:crypto'
import { selectAuthEvents } from '../../homeserver/core/auth/auth-events.ts'
import { type JsonObject, type Pdu, type StateKey, stateKeyOf } from '../../homeserver/core/event.ts'
import { referenceHash } from '../../homeserver/core/hash.ts'
import type { EventId, RoomId, UserId } from '../../homeserver/core/ids.ts'
import { type FinishedEvent, finishEvent } from '../../homeserver/core/pdu.ts'
import type { RoomVersion } from '../../homeserver/core/room-version.ts'
import type { Signer } from '../../homeserver/core/signing.ts'

export interface PeerDraft {
  readonly type: string
  readonly sender: UserId
  readonly stateKey?: string
  readonly content?: JsonObject
  readonly redacts?: EventId
  /** Whatever else the event is to say, such as other `prev_events`. */
  readonly also?: Partial<Pdu>
  /** Who signs, if not the server of the room. */
  readonly signer?: Signer
}

/** A place in the history: its tips and the state there. */
export interface Fork {
  readonly state: Map<StateKey, EventId>
  tips: EventId[]
}

export class PeerRoom {
  readonly version: RoomVersion
  readonly signer: Signer
  readonly creator: UserId
  readonly events = new Map<EventId, FinishedEvent>()
  /** Where the room stands as this server sees it. */
  readonly main: Fork = { state: new Map(), tips: [] }
  roomId: RoomId
  #made = 0

  /** A public room with its creator joined. */
  constructor(version: RoomVersion, signer: Signer) {
    this.version = version
    this.signer = signer
    this.creator = `@creator:${signer.serverName}`
    this.roomId = `!${randomBytes(9).toString('base64url')}:${signer.serverName}`
    const { creator } = this
    const created = { room_version: version.id, ...(version.creatorFromSender ? {} : { creator }) }
    const { roomId } = this.add({ type: 'm.room.create', sender: creator, stateKey: '', content: created })
    this.roomId = roomId
    this.member(creator, 'join')
    const levels = version.privilegedCreators ? {} : { users: { [creator]: 100 } }
    this.add({ type: 'm.room.power_levels', sender: creator, stateKey: '', content: levels })
    this.add({ type: 'm.room.join_rules', sender: creator, stateKey: '', content: { join_rule: 'public' } })
  }

  /** Another place to go on from. */
  fork({ state, tips }: Fork = this.main): Fork {
    return { state: new Map(state), tips: [...tips] }
  }

  /** An event on top of a fork, which stays where it is. */
  make(
    { type, sender, stateKey, content = {}, redacts, also = {}, signer = this.signer }: PeerDraft,
    on: Fork = this.main,
  ): FinishedEvent {
    const { version, roomId } = this
    const isCreate = type === 'm.room.create'
    const inContent = version.redaction.redactsInContent
    const selected = {
      type,
      sender,
      content: redacts !== undefined && inContent ? { ...content, redacts } : content,
      ...(stateKey === undefined ? {} : { state_key: stateKey }),
    }
    const auth = selectAuthEvents(selected, on.state, version)
    const depths = on.tips.map((id) => this.events.get(id)?.pdu.depth ?? 0)
    const pdu: Pdu = {
      ...selected,
      ...(redacts !== undefined && !inContent ? { redacts } : {}),
      ...(isCreate && version.roomIdIsCreateHash ? {} : { room_id: roomId }),
      ...(version.eventIds === 'server' ? { event_id: `$${this.#made}:${this.signer.serverName}` as const } : {}),
      depth: Math.max(0, ...depths) + 1,
      origin_server_ts: 1_000_000 + this.#made++,
      prev_events: this.references(on.tips),
      auth_events: this.references(auth),
      ...also,
    }
    const event = finishEvent(pdu, version, signer)
    this.events.set(event.eventId, event)
    return event
  }

  /** An event that moves the fork on. */
  add(draft: PeerDraft, on: Fork = this.main): FinishedEvent {
    const event = this.make(draft, on)
    on.tips = [event.eventId]
    if (draft.stateKey !== undefined) on.state.set(stateKeyOf(draft.type, draft.stateKey), event.eventId)
    return event
  }

  /** Takes up an event of somebody else. */
  take(event: FinishedEvent, on: Fork = this.main): void {
    this.events.set(event.eventId, event)
    on.tips = [event.eventId]
    const { type, state_key: stateKey } = event.pdu
    if (stateKey !== undefined) on.state.set(stateKeyOf(type, stateKey), event.eventId)
  }

  say(text: string, { sender = this.creator, on = this.main }: { sender?: UserId; on?: Fork } = {}): FinishedEvent {
    return this.add({ type: 'm.room.message', sender, content: { msgtype: 'm.text', body: text } }, on)
  }

  member(
    userId: UserId,
    membership: string,
    { sender = userId, on = this.main }: { sender?: UserId; on?: Fork } = {},
  ): FinishedEvent {
    return this.add({ type: 'm.room.member', sender, stateKey: userId, content: { membership } }, on)
  }

  topic(text: string, { sender = this.creator, on = this.main }: { sender?: UserId; on?: Fork } = {}): FinishedEvent {
    return this.add({ type: 'm.room.topic', sender, stateKey: '', content: { topic: text } }, on)
  }

  /** The events of a fork's state. */
  stateOf({ state }: Fork = this.main): FinishedEvent[] {
    return [...state.values()].flatMap((id) => this.events.get(id) ?? [])
  }

  /** `prev_events` or `auth_events` that name these. */
  references(ids: readonly EventId[]): Pdu['prev_events'] {
    const named = ids.map((id) => {
      const event = this.events.get(id)
      return this.version.eventIds === 'server'
        ? [id, { sha256: event ? referenceHash(event.pdu, this.version) : '' }]
        : id
    })
    return named as unknown as Pdu['prev_events'] // both forms are what the type lists
  }
}
