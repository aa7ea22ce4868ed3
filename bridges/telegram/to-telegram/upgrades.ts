/** Rooms that are upgraded take their groups along. https://spec.matrix.org/v1.19/client-server-api/#room-upgrades */
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { roomIdOf } from '../../appservice/event.ts'
import { objectOf } from '../../appservice/json.ts'
import { errcodeOf, type Matrix } from '../matrix.ts'
import { OddError } from '../odd.ts'
import { moveRoom, portalOfRoom } from '../store/portals.ts'

export interface UpgradesParts {
  readonly matrix: Matrix
  readonly database: Database
}

export class Upgrades {
  readonly #parts: UpgradesParts

  constructor(parts: UpgradesParts) {
    this.#parts = parts
  }

  /** The old room says where the new one is. Throws until the bot may come in, or has come by an invitation. */
  async follow({ content, room_id: roomId }: MatrixEvent): Promise<void> {
    const { matrix } = this.#parts
    const next = roomIdOf(content['replacement_room'])
    if (next === undefined || (await portalOfRoom(this.#parts.database, next))) {
      throw new OddError('there is no new room to go to')
    }
    try {
      await matrix.setMembership(matrix.botUserId, next, 'join')
    } catch (error) {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error
      throw new Error('not yet invited to the new room', { cause: error }) // apps invite after the upgrade: later it works
    }
    await this.#move(roomId, next)
  }

  /** The bot has come into a room: it may be the new one, in which people speak already. */
  async arrived(roomId: string): Promise<void> {
    const { matrix, database } = this.#parts
    const creation = await matrix.state(roomId, 'm.room.create')
    const old = roomIdOf(objectOf(creation?.['predecessor'])['room_id'])
    if (old === undefined || !(await portalOfRoom(database, old)) || (await portalOfRoom(database, roomId))) return
    const end = await matrix.state(old, 'm.room.tombstone')
    if (end?.['replacement_room'] === roomId) await this.#move(old, roomId)
  }

  async #move(from: string, to: string): Promise<void> {
    await this.#parts.database.transaction('telegram room', (tx) => moveRoom(tx, from, to))
  }
}
