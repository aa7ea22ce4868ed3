/** Aliases of rooms and the list of published ones. https://spec.matrix.org/v1.19/client-server-api/#room-aliases */
import { requiredLevel, userLevel } from '../../core/auth/power-levels.ts'
import { forbidden, invalidParam, notFound, refuse } from '../../core/errors.ts'
import { fitsId, type RoomAlias, type RoomId, type ServerName, serverNameOf } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import {
  addAlias,
  findAlias,
  isPublished,
  listAliases,
  moveRoomNames,
  type NetworkRooms,
  removeAlias,
  setListed,
  setPublished,
} from '../../storage/directory.ts'
import { findRoom, findStateEvent } from '../../storage/rooms.ts'
import type { Appservices } from '../accounts/appservices.ts'
import type { Requester } from '../accounts/requester.ts'
import type { RoomDirectory } from '../rooms/hooks.ts'
import { roomPower } from '../rooms/room-power.ts'
import type { RoomWriter } from '../rooms/writer.ts'
import type { DirectoryHooks, RoomServers } from './hooks.ts'

export interface DirectoryParts {
  readonly database: Database
  readonly clock: Clock
  readonly serverName: ServerName
  readonly appservices: Appservices
  /** To take a removed alias out of the room's state. */
  readonly writer: RoomWriter
  readonly roomServers: RoomServers
  readonly directoryHooks: DirectoryHooks
  /** Filled later; an empty list does. */
  readonly aliasMakers?: readonly AliasMaker[]
}

/** Whoever makes rooms of this server when somebody asks for them. */
export interface AliasMaker {
  /** True if the alias is there now. */
  make(alias: RoomAlias): Promise<boolean>
}

const canonicalType = 'm.room.canonical_alias'
/** Servers told as those that know a room. */
const MAX_SERVERS = 50

export class Directory implements RoomDirectory {
  readonly #parts: DirectoryParts
  #listeners: readonly ((roomId: RoomId) => void)[] = []

  constructor(parts: DirectoryParts) {
    this.#parts = parts
  }

  async resolve(
    alias: RoomAlias,
  ): Promise<{ readonly roomId: RoomId; readonly servers: readonly ServerName[] } | undefined> {
    const { database, serverName, directoryHooks } = this.#parts
    if (serverNameOf(alias) !== serverName) return await directoryHooks.remoteDirectories[0]?.resolve(alias)
    const row = (await findAlias(database, alias)) ?? (await this.#make(alias))
    return row && { roomId: row.room_id, servers: await this.#serversOf(row.room_id) }
  }

  /** Told of rooms that got or lost an alias. Returns the way to leave. */
  subscribe(listener: (roomId: RoomId) => void): () => void {
    const own = (roomId: RoomId): void => listener(roomId)
    this.#listeners = [...this.#listeners, own]
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== own)
    }
  }

  async checkNew(who: Requester, alias: RoomAlias): Promise<void> {
    const { database, serverName, appservices } = this.#parts
    if (serverNameOf(alias) !== serverName) throw invalidParam('The alias is one of another server')
    if (!fitsId(alias)) throw invalidParam('The alias has more than 255 bytes')
    appservices.checkAlias(alias, who.appserviceId)
    if (await findAlias(database, alias)) throw refuse(400, 'M_ROOM_IN_USE', 'The alias is taken')
  }

  async add(who: Requester, alias: RoomAlias, roomId: RoomId): Promise<void> {
    await this.checkNew(who, alias)
    const { database, clock } = this.#parts
    if (!(await findRoom(database, roomId))) throw notFound('There is no such room here')
    const row = { alias, room_id: roomId, creator: who.userId }
    const added = await database.transaction('add alias', (tx) => addAlias(tx, row, clock.now()))
    if (!added) throw refuse(400, 'M_ROOM_IN_USE', 'The alias is taken')
    this.#tell(roomId)
  }

  /** Who made an alias may remove it, and so may who can change the room's aliases, and admins. */
  async remove(who: Requester, alias: RoomAlias): Promise<void> {
    const { database } = this.#parts
    const row = await findAlias(database, alias)
    if (!row) throw notFound('There is no such alias')
    const { appservices } = this.#parts
    if (!who.isAdmin) appservices.refuseForeignAlias(alias, who.appserviceId)
    const isFree = row.creator === who.userId || who.isAdmin || appservices.isNamespaceOf(who.appserviceId, alias)
    const may = isFree || (await this.#mayName(who, row.room_id))
    if (!may) throw forbidden('You may not remove this alias')
    await database.transaction('remove alias', (tx) => removeAlias(tx, alias))
    this.#tell(row.room_id)
    await this.#forgetCanonical(who, row.room_id, alias)
  }

  async aliasesOf(roomId: RoomId): Promise<RoomAlias[]> {
    return await listAliases(this.#parts.database, roomId)
  }

  async publish(who: Requester, roomId: RoomId): Promise<void> {
    await this.setVisibility(who, roomId, 'public')
  }

  /** Throws `M_FORBIDDEN` unless the user may change the room's aliases, `M_NOT_FOUND` if there is no such room. */
  async setVisibility(who: Requester, roomId: RoomId, visibility: 'public' | 'private'): Promise<void> {
    const { database, clock } = this.#parts
    if (!(await findRoom(database, roomId))) throw notFound('There is no such room here')
    if (!who.isAdmin && !(await this.#mayName(who, roomId))) {
      throw forbidden('Your power level is too low to change the visibility of the room')
    }
    await database.transaction('publish room', (tx) => setPublished(tx, roomId, visibility === 'public', clock.now()))
  }

  /** Lists a room in the directory of an application service's network. Throws `M_NOT_FOUND` if there is no such room. */
  async list(network: NetworkRooms, roomId: RoomId, visibility: 'public' | 'private'): Promise<void> {
    const { database } = this.#parts
    if (!(await findRoom(database, roomId))) throw notFound('There is no such room here')
    await database.transaction('list room of network', (tx) => setListed(tx, network, roomId, visibility === 'public'))
  }

  async visibilityOf(roomId: RoomId): Promise<'public' | 'private'> {
    const { database } = this.#parts
    if (!(await findRoom(database, roomId))) throw notFound('There is no such room here')
    return (await isPublished(database, roomId)) ? 'public' : 'private'
  }

  async move(from: RoomId, to: RoomId): Promise<void> {
    await this.#parts.database.transaction('move room names', (tx) => moveRoomNames(tx, from, to))
    this.#tell(from)
    this.#tell(to)
  }

  async #make(alias: RoomAlias): Promise<Awaited<ReturnType<typeof findAlias>>> {
    const { database, serverName, aliasMakers = [] } = this.#parts
    if (serverNameOf(alias) !== serverName) return undefined
    for (const maker of aliasMakers) if (await maker.make(alias)) return await findAlias(database, alias)
    return undefined
  }

  #tell(roomId: RoomId): void {
    for (const listener of this.#listeners) listener(roomId)
  }

  /** Ourselves first, if we are in the room or nobody is. */
  async #serversOf(roomId: RoomId): Promise<ServerName[]> {
    const { serverName, roomServers } = this.#parts
    const servers = new Set(await roomServers.serversIn(roomId))
    const isOurs = servers.delete(serverName) || servers.size === 0
    return [...(isOurs ? [serverName] : []), ...servers].slice(0, MAX_SERVERS)
  }

  async #mayName(who: Requester, roomId: RoomId): Promise<boolean> {
    const levels = await roomPower(this.#parts.database, roomId)
    return userLevel(levels, who.userId) >= requiredLevel(levels, canonicalType, 'state')
  }

  /** A canonical alias that leads nowhere helps nobody. Whoever has no power to change it leaves it to those who have. */
  async #forgetCanonical(who: Requester, roomId: RoomId, alias: RoomAlias): Promise<void> {
    const { database, writer } = this.#parts
    const event = await findStateEvent(database, roomId, canonicalType, '')
    if (!event || !(await this.#mayName(who, roomId))) return
    const { alias: main, alt_aliases: others, ...rest } = event.pdu.content
    const list = Array.isArray(others) ? (others as readonly unknown[]) : []
    if (main !== alias && !list.includes(alias)) return
    const kept = list.filter((other): other is string => typeof other === 'string' && other !== alias)
    const content = {
      ...rest,
      ...(main === alias || main === undefined ? {} : { alias: main }),
      ...(kept.length > 0 ? { alt_aliases: kept } : {}),
    }
    try {
      await writer.send(roomId, [{ type: canonicalType, stateKey: '', sender: who.userId, content }])
    } catch {
      // Not a member any more, say: the alias is gone all the same.
    }
  }
}
