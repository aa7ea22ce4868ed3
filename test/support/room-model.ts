/**
 * A room in memory, for tests of authorisation and state resolution. Its history forks by copying a state. Ids are made
 * up and nothing is signed, because the rules look at neither.
 */
import { createHash } from 'node:crypto'
import { selectAuthEvents } from '../../homeserver/core/auth/auth-events.ts'
import { checkAuth } from '../../homeserver/core/auth/rules.ts'
import type { AuthState, Verdict } from '../../homeserver/core/auth/verdict.ts'
import {
  stateKeyOf,
  type IdentifiedPdu,
  type JsonObject,
  type Pdu,
  type StateKey,
} from '../../homeserver/core/event.ts'
import type { EventId, RoomId, UserId } from '../../homeserver/core/ids.ts'
import type { RoomVersion } from '../../homeserver/core/room-version.ts'

export type State = Map<StateKey, EventId>

export interface Draft {
  readonly type: string
  readonly sender: UserId
  readonly state_key?: string
  readonly content: JsonObject
  /** `origin_server_ts`; it need not grow, since servers may lie. */
  readonly ts?: number
  readonly prev_events?: readonly EventId[]
}

export class RoomModel {
  readonly version: RoomVersion
  readonly creator: UserId
  readonly events = new Map<EventId, IdentifiedPdu>()
  /** With nothing but the create event and the creator joined. */
  readonly start: State = new Map()
  #roomId: RoomId = '!room:a.example'

  constructor(
    version: RoomVersion,
    { creator = '@creator:a.example', createContent = {} }: { creator?: UserId; createContent?: JsonObject } = {},
  ) {
    this.version = version
    this.creator = creator
    const content = { room_version: version.id, ...(version.creatorFromSender ? {} : { creator }), ...createContent }
    const create = this.add(this.start, {
      type: 'm.room.create',
      sender: creator,
      state_key: '',
      content,
      prev_events: [],
    })
    if (version.roomIdIsCreateHash) this.#roomId = create.roomId
    this.add(this.start, { ...membership(creator, 'join'), prev_events: [create.eventId] })
  }

  fetch = (id: EventId): IdentifiedPdu | undefined => this.events.get(id)

  /** What the rules look at: a state with its events, with or without changes. */
  authState(state: ReadonlyMap<StateKey, EventId>): AuthState {
    return {
      get: (type, stateKey) => {
        const id = state.get(stateKeyOf(type, stateKey))
        return id === undefined ? undefined : this.events.get(id)
      },
    }
  }

  /** An event as somebody in this state would make it, whether allowed or not. */
  build(state: State, { ts, prev_events = ['$before'], ...draft }: Draft): IdentifiedPdu {
    const count = this.events.size
    const hash = createHash('sha256').update(`${count} ${draft.type} ${draft.sender}`).digest('base64url')
    const eventId: EventId = this.version.eventIds === 'server' ? `$${hash}:a.example` : `$${hash}`
    const isCreate = draft.type === 'm.room.create'
    const roomId: RoomId = isCreate && this.version.roomIdIsCreateHash ? `!${hash}` : this.#roomId
    const pdu: Pdu = {
      ...draft,
      ...(isCreate && this.version.roomIdIsCreateHash ? {} : { room_id: roomId }),
      prev_events,
      auth_events: selectAuthEvents(draft, state, this.version),
      depth: count,
      origin_server_ts: ts ?? count,
    }
    return { eventId, roomId, pdu }
  }

  /** Builds an event and puts it into the state, even if the rules forbid it. */
  add(state: State, draft: Draft): IdentifiedPdu {
    const event = this.build(state, draft)
    this.events.set(event.eventId, event)
    if (draft.state_key !== undefined) state.set(stateKeyOf(draft.type, draft.state_key), event.eventId)
    return event
  }

  check(state: State, draft: Draft): Verdict {
    return checkAuth(this.build(state, draft), this.authState(state), this.version)
  }

  /** Adds an event if the rules allow it. */
  send(state: State, draft: Draft): Verdict {
    const verdict = this.check(state, draft)
    if (verdict.allowed) this.add(state, draft)
    return verdict
  }

  content(state: ReadonlyMap<StateKey, EventId>, type: string, stateKey = ''): JsonObject | undefined {
    return this.authState(state).get(type, stateKey)?.pdu.content
  }
}

/** A membership event; by the user themself unless a sender is given. */
export function membership(target: UserId, value: string, sender: UserId = target, content: JsonObject = {}): Draft {
  return { type: 'm.room.member', sender, state_key: target, content: { membership: value, ...content } }
}

export function powerLevels(sender: UserId, content: JsonObject): Draft {
  return { type: 'm.room.power_levels', sender, state_key: '', content }
}

export function joinRules(sender: UserId, joinRule: string): Draft {
  return { type: 'm.room.join_rules', sender, state_key: '', content: { join_rule: joinRule } }
}
