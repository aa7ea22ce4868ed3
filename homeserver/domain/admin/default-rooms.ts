/**
 * The rooms that every new user comes into, so that nobody begins before an empty screen. Those of them that are missing
 * are made, and gathered in a space if there is to be one. Administrators get the power to change them.
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import { MatrixError } from '../../core/errors.ts'
import { isRoomAlias, type RoomAlias, type RoomId, type ServerName, serverNameOf, type UserId } from '../../core/ids.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import { logger } from '../../platform/log.ts'
import type { Arrival, Newcomer } from '../accounts/hooks.ts'
import type { RoomCreator } from '../rooms/create.ts'
import type { RoomDirectory } from '../rooms/hooks.ts'
import type { Memberships, NamedRoom } from '../rooms/membership.ts'
import type { RoomState } from '../rooms/state.ts'
import type { ServerUser } from './server-user.ts'

export interface DefaultRoomsParts {
  readonly serverName: ServerName
  readonly serverUser: ServerUser
  /** Aliases, in the order in which they are joined. */
  readonly rooms: readonly string[]
  /** The alias of the space around those of them that are on this server. */
  readonly space: string | undefined
  readonly directory: RoomDirectory
  readonly memberships: Memberships
  readonly roomCreator: RoomCreator
  readonly roomState: RoomState
}

const log = logger('admin')

export class DefaultRooms implements Arrival {
  readonly #parts: DefaultRoomsParts
  readonly #turns = new KeyedLock({ name: 'default rooms' })

  constructor(parts: DefaultRoomsParts) {
    this.#parts = parts
  }

  /** A room that cannot be entered does not keep the user from the others. */
  async arrived({ userId, isAdmin }: Newcomer): Promise<void> {
    const { rooms, space } = this.#parts
    for (const alias of [...(space === undefined ? [] : [space]), ...rooms]) {
      if (!isRoomAlias(alias)) continue // the configuration was checked for it
      try {
        const room = await this.#turns.run('', () => this.#findOrMake(alias))
        await this.#enter(room, userId)
        if (isAdmin) await this.#empower(room.roomId, userId)
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
        log.warn({ alias, userId, errcode: error.errcode }, 'a new user could not be brought into a default room')
      }
    }
  }

  async #findOrMake(alias: RoomAlias): Promise<NamedRoom> {
    const { serverName, directory, memberships, space } = this.#parts
    const found = await directory.resolve(alias)
    if (found) return found
    if (serverNameOf(alias) !== serverName) return await memberships.roomNamed(alias) // throws what is wrong with it
    const roomId = await this.#make(alias, alias === space)
    log.info({ alias, roomId }, 'made a default room')
    return { roomId, servers: [] }
  }

  async #make(alias: RoomAlias, isSpace: boolean): Promise<RoomId> {
    const { serverUser, roomCreator, roomState, directory, space } = this.#parts
    const localpart = alias.slice(1, alias.indexOf(':'))
    const who = serverUser.acting('default rooms')
    const roomId = await roomCreator.create(who, {
      preset: 'public_chat',
      name: localpart.charAt(0).toUpperCase() + localpart.slice(1),
      aliasLocalpart: localpart,
      ...(isSpace ? { creationContent: { type: 'm.space' }, powerLevels: { events_default: 100 } } : {}),
    })
    if (isSpace || space === undefined || !isRoomAlias(space)) return roomId
    const around = await directory.resolve(space)
    if (around) {
      const child = { via: [this.#parts.serverName] }
      await roomState.set(who, { roomId: around.roomId, type: 'm.space.child', stateKey: roomId, content: child })
    }
    return roomId
  }

  /** By invite where the room is not open to all. */
  async #enter(room: NamedRoom, userId: UserId): Promise<void> {
    const { memberships, serverUser } = this.#parts
    try {
      await memberships.join({ userId }, room)
    } catch (error) {
      if (!(error instanceof MatrixError) || error.errcode !== 'M_FORBIDDEN') throw error
      await memberships.invite(serverUser.acting('default rooms'), room.roomId, userId)
      await memberships.join({ userId }, room)
    }
  }

  async #empower(roomId: RoomId, userId: UserId): Promise<void> {
    const { roomState, serverUser } = this.#parts
    const who = serverUser.acting('default rooms')
    const type = 'm.room.power_levels'
    const { content: levels } = (await roomState.get(who, roomId, type, '')).pdu
    const users = isJsonObject(levels['users']) ? levels['users'] : {}
    if (users[userId] === 100) return
    await roomState.set(who, { roomId, type, stateKey: '', content: { ...levels, users: { ...users, [userId]: 100 } } })
  }
}
