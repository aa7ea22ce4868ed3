/**
 * The rooms that every new user comes into, so that nobody begins before an empty screen. Those of them that are missing
 * are made. Administrators get the power to change them.
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import { MatrixError } from '../../core/errors.ts'
import { isRoomAlias, type RoomAlias, type RoomId, type ServerName, serverNameOf, type UserId } from '../../core/ids.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import { logger } from '../../platform/log.ts'
import type { Arrival, Newcomer } from '../accounts/hooks.ts'
import type { RoomDirectory } from '../rooms/hooks.ts'
import type { Memberships, NamedRoom } from '../rooms/membership.ts'
import type { RoomState } from '../rooms/state.ts'
import type { ServerRoom, ServerRooms } from './server-rooms.ts'
import type { ServerUser } from './server-user.ts'

export interface DefaultRoomsParts {
  readonly serverName: ServerName
  readonly serverUser: ServerUser
  readonly serverRooms: ServerRooms
  /** Aliases, in the order in which they are joined. */
  readonly rooms: readonly DefaultRoom[]
  readonly directory: RoomDirectory
  readonly memberships: Memberships
  readonly roomState: RoomState
}

export interface DefaultRoom {
  readonly alias: string
  readonly kind: ServerRoom['kind']
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
    for (const { alias, kind } of this.#parts.rooms) {
      if (!isRoomAlias(alias)) continue // the configuration was checked for it
      try {
        const room = await this.#turns.run('', () => this.#findOrMake(alias, kind))
        await this.#enter(room, userId)
        if (isAdmin) await this.#empower(room.roomId, userId)
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
        log.warn({ alias, userId, errcode: error.errcode }, 'a new user could not be brought into a default room')
      }
    }
  }

  async #findOrMake(alias: RoomAlias, kind: ServerRoom['kind']): Promise<NamedRoom> {
    const { serverName, directory, memberships, serverRooms } = this.#parts
    const found = await directory.resolve(alias)
    if (found) return found
    if (serverNameOf(alias) !== serverName) return await memberships.roomNamed(alias) // throws what is wrong with it
    const localpart = alias.slice(1, alias.indexOf(':'))
    const name = localpart.charAt(0).toUpperCase() + localpart.slice(1)
    const roomId = await serverRooms.make({ kind, name, aliasLocalpart: localpart })
    log.info({ alias, roomId }, 'made a default room')
    return { roomId, servers: [] }
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
