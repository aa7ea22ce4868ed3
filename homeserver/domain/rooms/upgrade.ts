/** Replaces a room by one of another version. https://spec.matrix.org/v1.19/client-server-api/#room-upgrades */
import { namedLevel, type PowerLevels, requiredLevel, userLevel } from '../../core/auth/power-levels.ts'
import { forbidden, MatrixError, notFound } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { findRoomVersion } from '../../core/room-version.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { listMembers } from '../../storage/memberships.ts'
import { currentStateEvents, findRoom } from '../../storage/rooms.ts'
import type { Requester } from '../accounts/requester.ts'
import type { EventDraft } from './build.ts'
import { createContent, versionOf } from './create.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomDirectory } from './hooks.ts'
import { memberContent, memberContents } from './member-content.ts'
import type { Members } from './members.ts'
import { closedPowerLevels, type Founding, foundingPowerLevels } from './upgrade-power-levels.ts'
import type { RoomWriter } from './writer.ts'

export interface RoomUpgradeParts {
  readonly database: Database
  readonly clock: Clock
  readonly events: EventCache
  readonly members: Members
  readonly writer: RoomWriter
  readonly directory: RoomDirectory
}

/** State that goes over to the new room, whatever its state key; in the order in which it is sent there. */
const transferred = [
  'm.room.canonical_alias',
  'm.room.join_rules',
  'm.room.history_visibility',
  'm.room.guest_access',
  'm.room.encryption',
  'm.room.server_acl',
  'm.room.name',
  'm.room.topic',
  'm.room.avatar',
  'm.space.child',
  'm.rtc.slot',
  'org.matrix.msc4143.rtc.slot',
]
const looked = ['m.room.create', 'm.room.power_levels', ...transferred]

/** Bans in one commit. */
const BANS_AT_ONCE = 200

export class RoomUpgrade {
  readonly #parts: RoomUpgradeParts
  readonly #lock: KeyedLock

  constructor(parts: RoomUpgradeParts) {
    this.#parts = parts
    this.#lock = new KeyedLock({ name: 'upgrade of', clock: parts.clock })
  }

  /**
   * Makes the new room, moves aliases and listing, closes the old room. Throws `M_UNSUPPORTED_ROOM_VERSION`, and
   * `M_FORBIDDEN` for who may not replace the room.
   */
  async upgrade(
    who: Requester,
    roomId: RoomId,
    { version: id, additionalCreators }: { version: string; additionalCreators: readonly UserId[] },
  ): Promise<RoomId> {
    const version = versionOf(id)
    return await this.#lock.run(roomId, async () => {
      const old = await this.#look(who, roomId)
      const founding = { version, founder: who.userId, additionalCreators: [...new Set(additionalCreators)] }
      const replacement = await this.#found(who, old, founding)
      await this.#banAgain(who, old, replacement)
      await this.#parts.directory.move(roomId, replacement)
      await this.#close(who, old, replacement)
      return replacement
    })
  }

  async #look(who: Requester, roomId: RoomId): Promise<OldRoom> {
    const { database, members } = this.#parts
    const [room, state, isMember] = await Promise.all([
      findRoom(database, roomId),
      currentStateEvents(database, roomId, looked),
      members.isJoined(roomId, who.userId),
    ])
    const version = room && findRoomVersion(room.version)
    const create = state.find(({ row }) => row.type === 'm.room.create')
    if (!version || !create) throw notFound('There is no such room here')
    const content = state.find(({ row }) => row.type === 'm.room.power_levels' && row.state_key === '')?.pdu.content
    const levels: PowerLevels = { version, create: create.pdu, content }
    if (!isMember || userLevel(levels, who.userId) < requiredLevel(levels, 'm.room.tombstone', 'state')) {
      throw forbidden('You may not replace this room')
    }
    return { roomId, create, levels, state, lastEventId: room.extremities[0]?.eventId }
  }

  async #found(who: Requester, old: OldRoom, founding: Founding): Promise<RoomId> {
    const { version } = founding
    const sender = who.userId
    const state = transferred.flatMap((type) =>
      old.state
        .filter(({ row }) => row.type === type)
        .map(({ row, pdu }): EventDraft => ({ type, sender, stateKey: row.state_key ?? '', content: pdu.content })),
    )
    const powerLevels = foundingPowerLevels(old.levels, founding, state)
    const own = (await memberContents(this.#parts.database, 'join', [sender])).get(sender)
    const { roomId } = await this.#parts.writer.create({
      version,
      creator: sender,
      content: createContent(sender, version, replacementContent(old, founding)),
      drafts: [
        { type: 'm.room.member', sender, stateKey: sender, content: own ?? memberContent('join', undefined) },
        { type: 'm.room.power_levels', sender, stateKey: '', content: powerLevels.first },
        ...state,
        ...(powerLevels.last ? [{ type: 'm.room.power_levels', sender, stateKey: '', content: powerLevels.last }] : []),
      ],
    })
    return roomId
  }

  /** Who was banned stays so, where the one who replaces the room may ban. */
  async #banAgain({ userId: sender }: Requester, { roomId, levels }: OldRoom, replacement: RoomId): Promise<void> {
    if (userLevel(levels, sender) < namedLevel(levels, 'ban')) return
    const { database, events, writer } = this.#parts
    const banned = await listMembers(database, roomId, 'ban')
    for (let from = 0; from < banned.length; from += BANS_AT_ONCE) {
      const rows = banned.slice(from, from + BANS_AT_ONCE)
      const found = await events.list(rows.map((row) => row.event_id))
      const drafts = rows.map((row): EventDraft => {
        const reason = found.get(row.event_id)?.pdu.content['reason']
        const content = { membership: 'ban', ...(typeof reason === 'string' ? { reason } : {}) }
        return { type: 'm.room.member', sender, stateKey: row.user_id, content }
      })
      await writer.send(replacement, drafts)
    }
  }

  async #close({ userId: sender }: Requester, { roomId, levels }: OldRoom, replacement: RoomId): Promise<void> {
    const { writer } = this.#parts
    const content = { body: 'This room has been replaced', replacement_room: replacement }
    await writer.send(roomId, [{ type: 'm.room.tombstone', sender, stateKey: '', content }])
    const closed = closedPowerLevels(levels)
    if (!closed) return
    try {
      await writer.send(roomId, [{ type: 'm.room.power_levels', sender, stateKey: '', content: closed }])
    } catch (error) {
      // Not everybody who may replace a room may silence it.
      if (!(error instanceof MatrixError)) throw error
    }
  }
}

interface OldRoom {
  readonly roomId: RoomId
  readonly create: StoredEvent
  readonly levels: PowerLevels
  readonly state: readonly StoredEvent[]
  readonly lastEventId: string | undefined
}

/** The content of the create event, but for what the server always says. */
function replacementContent(
  { roomId, create, lastEventId }: OldRoom,
  { version, additionalCreators }: Founding,
): JsonObject {
  const { type, 'm.federate': federate } = create.pdu.content
  return {
    ...(type === undefined ? {} : { type }),
    ...(federate === undefined ? {} : { 'm.federate': federate }),
    ...(version.privilegedCreators && additionalCreators.length > 0 ? { additional_creators: additionalCreators } : {}),
    predecessor: {
      room_id: roomId,
      // Where the room id is a hash, the create event is made before the tombstone that would have to be named (MSC4291).
      ...(version.roomIdIsCreateHash || lastEventId === undefined ? {} : { event_id: lastEventId }),
    },
  }
}
