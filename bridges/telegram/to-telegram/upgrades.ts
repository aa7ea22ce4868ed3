/** Rooms that are upgraded take their groups along. https://spec.matrix.org/v1.19/client-server-api/#room-upgrades */
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { roomIdOf } from '../../appservice/event.ts'
import { objectOf } from '../../appservice/json.ts'
import { isRefusal, type Matrix } from '../matrix.ts'
import { OddError } from '../odd.ts'
import type { Portals } from '../portals.ts'
import type { PublicPortals } from '../public-portals.ts'
import { moveRoom, portalOfRoom } from '../store/portals.ts'
import { awaitedFrom, awaitUpgrade, endUpgrade } from '../store/upgrades.ts'
import type { Topics } from '../topics.ts'

export interface UpgradesParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly portals: Portals
  readonly publicPortals: PublicPortals
  readonly topics: Topics
}

export class Upgrades {
  readonly #parts: UpgradesParts

  constructor(parts: UpgradesParts) {
    this.#parts = parts
  }

  /** The old room says where the new one is. Where the bot may not come in, it waits for an invitation. */
  async follow({ content, room_id: roomId, sender, event_id: eventId }: MatrixEvent): Promise<void> {
    const { matrix, database } = this.#parts
    const next = roomIdOf(content['replacement_room'])
    if (next === undefined || (await portalOfRoom(database, next))) {
      throw new OddError('there is no new room to go to')
    }
    await database.transaction('telegram upgrade', (tx) => awaitUpgrade(tx, roomId, next))
    const via = sender.slice(sender.indexOf(':') + 1)
    const path = `/_matrix/client/v3/join/${encodeURIComponent(next)}`
    try {
      await matrix.request(matrix.botUserId, 'POST', path, {}, { via, server_name: via })
    } catch (error) {
      if (!isRefusal(error)) throw error
      const text = `Telegram: this room was replaced. Invite ${matrix.botUserId} to the new one, and the group comes along.`
      return void (await matrix.notice(roomId, text, `tg.upgrade.${eventId.slice(1)}`).catch(unlessRefused)) // nobody may speak there any more
    }
    if (await this.arrived(next)) return
    await matrix.setMembership(matrix.botUserId, next, 'leave')
    throw new OddError('the new room does not know of this one')
  }

  /** Whether a room that is bridged was replaced by this one, into which the bot could not come. */
  async isAwaited(roomId: string): Promise<boolean> {
    return (await awaitedFrom(this.#parts.database, roomId)) !== undefined
  }

  /** The bot has come into a room: it may be the new one, in which people speak already. Gives whether it is. */
  async arrived(roomId: string): Promise<boolean> {
    const { matrix, database } = this.#parts
    if (await portalOfRoom(database, roomId)) return true
    const creation = await matrix.state(roomId, 'm.room.create')
    const old = roomIdOf(objectOf(creation?.['predecessor'])['room_id'])
    const portal = old === undefined ? undefined : await portalOfRoom(database, old)
    if (!portal) return false
    if ((await awaitedFrom(database, roomId)) !== portal.room_id) {
      const end = await matrix.state(portal.room_id, 'm.room.tombstone')
      if (end?.['replacement_room'] !== roomId) return false
    }
    await database.transaction('telegram room', async (tx) => {
      await moveRoom(tx, portal.room_id, roomId)
      await endUpgrade(tx, portal.room_id)
    })
    await this.#settle(portal.room_id, roomId)
    return true
  }

  /** What stands beside the room: its state, its aliases, and the space that it is in. */
  async #settle(old: string, roomId: string): Promise<void> {
    const { database, portals, publicPortals, topics } = this.#parts
    const portal = await portalOfRoom(database, roomId)
    if (!portal) return
    await portals.announce(portal)
    await publicPortals.moved(portal, roomId)
    await topics.replace(portal, old)
  }
}

function unlessRefused(error: unknown): undefined {
  if (!isRefusal(error)) throw error
}
