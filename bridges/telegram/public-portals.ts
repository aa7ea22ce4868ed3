/** Portals into which everybody may come, by an alias that tells what they are: `#telegram_kitchen:example.org`. */
import type { Database } from '../appservice/database.ts'
import { stringOf } from '../appservice/json.ts'
import { errcodeOf, isRefusal, type Matrix } from './matrix.ts'
import { type Portal, publicPortal, setAlias } from './store/portals.ts'
import { type Telegram, verdictOf } from './telegram.ts'

const encoded = encodeURIComponent

export interface PublicPortalsParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly serverName: string
}

export class PublicPortals {
  readonly #parts: PublicPortalsParts

  constructor(parts: PublicPortalsParts) {
    this.#parts = parts
  }

  /** Gives what to say of it. */
  async publish(portal: Portal): Promise<string> {
    const { matrix, database } = this.#parts
    const { room_id: roomId } = portal
    if (portal.type === 'private' || portal.thread_id !== 0) return 'That is for rooms of groups and channels.'
    try {
      await matrix.setState(matrix.botUserId, roomId, 'm.room.join_rules', { join_rule: 'public' })
    } catch (error) {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error
      return `Give ${matrix.botUserId} the power to change who may join first.`
    }
    const alias = portal.alias ?? (await this.#aliasOf(portal))
    await this.#point(alias, roomId)
    await database.transaction('telegram public', (tx) => setAlias(tx, roomId, alias))
    const { alias: known } = (await matrix.state(roomId, 'm.room.canonical_alias')) ?? {}
    if (known === undefined) await matrix.trySetState(roomId, 'm.room.canonical_alias', { alias: this.#full(alias) })
    const isListed = await this.#list(roomId, 'public')
    return `Everybody may come in, by ${this.#full(alias)}${isListed ? ', and finds the room in the directory' : ''}.`
  }

  async withdraw(portal: Portal): Promise<string> {
    const { matrix, database } = this.#parts
    const { room_id: roomId } = portal
    if (portal.alias === null) return 'This room is not public by me.'
    await matrix.trySetState(roomId, 'm.room.join_rules', { join_rule: 'invite' })
    await this.#list(roomId, 'private')
    await database.transaction('telegram private', (tx) => setAlias(tx, roomId, null)) // who asks for it now finds nothing
    await this.#remove(portal)
    return 'Only who is invited may come in.'
  }

  /** It is bridged no more: its aliases are free for who bridges the group next. */
  async end(portal: Portal): Promise<void> {
    if (portal.alias !== null) await this.#remove(portal)
  }

  /** The homeserver knows no such room: whether it has one now. */
  async isThere(alias: string): Promise<boolean> {
    const { database, serverName } = this.#parts
    const [, local = '', server] = /^#([^:]{1,255}):(.*)$/.exec(alias) ?? []
    const portal = server === serverName ? await publicPortal(database, local) : undefined
    if (!portal) return false
    await this.#add(local, portal.room_id) // to look where it leads would ask us again
    return true
  }

  /** The group has another number: who knows that finds the room by it too. */
  async renumbered({ alias, room_id: roomId, chat_id: chatId }: Portal): Promise<void> {
    if (alias !== null) await this.#point(numberAlias(chatId), roomId)
  }

  /** The room was replaced. */
  async moved({ alias, chat_id: chatId }: Portal, roomId: string): Promise<void> {
    if (alias === null) return
    for (const local of new Set([alias, numberAlias(chatId)])) await this.#point(local, roomId)
  }

  #full(local: string): string {
    return `#${local}:${this.#parts.serverName}`
  }

  /** Of a public group it is its name there. */
  async #aliasOf({ chat_id: chatId }: Portal): Promise<string> {
    try {
      const { username } = await this.#parts.telegram.reader.getChat({ chat_id: Number(chatId) })
      return username === undefined ? numberAlias(chatId) : `telegram_${username.toLowerCase()}`
    } catch (error) {
      if (verdictOf(error).kind !== 'never') throw error
      return numberAlias(chatId)
    }
  }

  async #point(local: string, roomId: string): Promise<void> {
    const { matrix } = this.#parts
    const path = aliasPath(this.#full(local))
    if ((await this.#add(local, roomId)) !== undefined) return
    const { room_id: room } = await matrix.request(matrix.botUserId, 'GET', path)
    if (room === roomId) return
    await matrix.request(matrix.botUserId, 'DELETE', path)
    await this.#add(local, roomId)
  }

  /** Undefined where the alias leads somewhere already. */
  async #add(local: string, roomId: string): Promise<true | undefined> {
    const { matrix } = this.#parts
    const added = matrix.request(matrix.botUserId, 'PUT', aliasPath(this.#full(local)), { room_id: roomId })
    return await added.then(() => true as const).catch(unlessRefused)
  }

  /** Those of our own kind go, unless a group that has the name now has taken them over. */
  async #remove({ room_id: roomId, alias, chat_id: chatId }: Portal): Promise<void> {
    const { matrix } = this.#parts
    const own = new Set([alias ?? '', numberAlias(chatId)].map((local) => this.#full(local)))
    for (const full of own) {
      const path = aliasPath(full)
      const there = await matrix.request(matrix.botUserId, 'GET', path).catch(unlessRefused) // it may not be there
      if (there?.['room_id'] === roomId) await matrix.request(matrix.botUserId, 'DELETE', path).catch(unlessRefused)
    }
    const content = (await matrix.state(roomId, 'm.room.canonical_alias').catch(unlessRefused)) ?? {}
    if (own.has(stringOf(content['alias']) ?? '')) await matrix.trySetState(roomId, 'm.room.canonical_alias', {})
  }

  /** Servers may let nobody into their directory. */
  async #list(roomId: string, visibility: 'public' | 'private'): Promise<boolean> {
    const { matrix } = this.#parts
    const path = `/_matrix/client/v3/directory/list/room/${encoded(roomId)}`
    try {
      await matrix.request(matrix.botUserId, 'PUT', path, { visibility })
      return true
    } catch (error) {
      return unlessRefused(error) ?? false
    }
  }
}

function unlessRefused(error: unknown): undefined {
  if (!isRefusal(error)) throw error
}

const aliasPath = (alias: string): string => `/_matrix/client/v3/directory/room/${encoded(alias)}`

/** Of a chat by its number, without the sign that all have. */
const numberAlias = (chatId: string): string => `telegram_${chatId.replace('-', '')}`
