/** What people ask of the bridge in Matrix: messages that begin with `!tg`. */
import { randomInt } from 'node:crypto'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Database } from '../appservice/database.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import { Rights } from './commands/rights.ts'
import type { LinkCodes } from './link-codes.ts'
import type { Matrix } from './matrix.ts'
import { addAct, latestActs } from './store/audit.ts'
import { countEvents, reviveEvents } from './store/events.ts'
import { membersOf } from './store/people.ts'
import { addHandshake, allPortals, type Portal, portalOfRoom, removePortal, setPortalState } from './store/portals.ts'
import { countUpdates } from './store/updates.ts'
import type { Ghosts } from './ghosts.ts'
import type { Metadata } from './metadata.ts'

const CODE_MS = 10 * 60_000
/** Without letters and digits that look alike. */
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'

const HELP = `!tg bridge – join this room with a Telegram group: gives a code to send there
!tg unbridge – end that
!tg pause, !tg resume – bridge nothing for a while
!tg sync – take over description and pins of the group now
!tg status – what is bridged, and what waits
!tg retry – send again what Telegram did not take
!tg link – log in to this account by Telegram from now on; with the code that /link gave you there, !tg link CODE
!tg whoami – who you are in Telegram
!tg list, !tg audit – all bridged rooms, and who bridged them (admins)`

export interface MatrixCommandsParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly ghosts: Ghosts
  readonly linkCodes: LinkCodes
  readonly metadata: Metadata
  readonly clock: Clock
  readonly bot: { readonly id: string; readonly username: string }
  readonly admins: readonly string[]
  readonly wake: (roomId: string) => void
}

type Command = (event: MatrixEvent, portal: Portal | undefined) => Promise<string>

export class MatrixCommands {
  readonly #parts: MatrixCommandsParts
  readonly #rights: Rights
  readonly #commands: Readonly<Record<string, Command>>

  constructor(parts: MatrixCommandsParts) {
    this.#parts = parts
    this.#rights = new Rights(parts)
    this.#commands = {
      help: () => Promise.resolve(HELP),
      bridge: (event, portal) => this.#bridge(event, portal),
      unbridge: (event, portal) => this.#unbridge(event, portal),
      pause: (event, portal) => this.#setState(event, portal, 'paused'),
      resume: (event, portal) => this.#setState(event, portal, 'active'),
      status: (_, portal) => this.#status(portal),
      sync: (_, portal) => this.#sync(portal),
      retry: (event, portal) => this.#retry(event, portal),
      link: (event) => this.#link(event),
      whoami: (event) => this.#whoami(event),
      list: (event) => this.#list(event),
      audit: (event) => this.#audit(event),
    }
  }

  /** Whether the event was a command; it is answered then. */
  async take(event: MatrixEvent, portal: Portal | undefined): Promise<boolean> {
    const { body } = event.content
    if (event.type !== 'm.room.message' || typeof body !== 'string') return false
    const [word, name = 'help'] = body.trim().split(/\s+/)
    if (word !== '!tg') return false
    const key = name.toLowerCase()
    const command = Object.hasOwn(this.#commands, key) ? this.#commands[key] : undefined
    const answer = command ? await command(event, portal) : `There is no command ${name}.\n\n${HELP}`
    await this.#parts.matrix.notice(event.room_id, answer, `tg.answer.${event.event_id.slice(1)}`, event.event_id)
    return true
  }

  /** The bot comes where people of this server, or admins, call it, and gives whether it did. Ghosts cannot begin chats. */
  async invited({ state_key: userId = '', sender, room_id: roomId }: MatrixEvent): Promise<boolean> {
    const { matrix } = this.#parts
    const [server, own] = [sender, matrix.botUserId].map((id) => id.slice(id.indexOf(':') + 1))
    const isWelcome = userId === matrix.botUserId && (server === own || this.#rights.isAdmin(sender))
    const isPortal = (await portalOfRoom(this.#parts.database, roomId)) !== undefined
    await matrix.setMembership(userId, roomId, isWelcome || isPortal ? 'join' : 'leave')
    return isWelcome
  }

  async #bridge(event: MatrixEvent, portal: Portal | undefined): Promise<string> {
    const { matrix, database, clock, bot } = this.#parts
    if (portal) return `This room is bridged with ${portal.title} already.`
    if (!(await this.#rights.mayBridge(event)))
      return 'You may not do that here: it needs the power to change power levels.'
    if (await matrix.state(event.room_id, 'm.room.encryption')) {
      return 'This room is encrypted, and Telegram is not: bridging it would give away what is said here. Make a room without encryption.'
    }
    const code = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
    const handshake = { room_id: event.room_id, user_id: event.sender, expires_at: clock.now() + CODE_MS }
    await database.transaction('telegram handshake', (tx) => addHandshake(tx, code, handshake))
    return `Add @${bot.username} to the Telegram group as an administrator, and let one of its administrators send there, within 10 minutes:\n\n/bridge@${bot.username} ${code}`
  }

  async #unbridge(event: MatrixEvent, portal: Portal | undefined): Promise<string> {
    if (!portal) return 'This room is not bridged.'
    if (!(await this.#rights.mayBridge(event))) return 'You may not do that here.'
    await this.endPortal(portal, event.sender)
    return `This room is not bridged with ${portal.title} any more.`
  }

  /** The ghosts go; people, and what was said, stay. */
  async endPortal(portal: Portal, actor: string): Promise<void> {
    const { room_id: roomId } = portal
    const { database, ghosts, matrix } = this.#parts
    await database.transaction('telegram unbridge', async (tx) => {
      await removePortal(tx, roomId)
      await addAct(tx, { ...portal, at: this.#parts.clock.now(), actor, act: 'unbridge' })
    })
    for (const userId of await membersOf(database, roomId)) {
      if (matrix.isOurs(userId)) await ghosts.leave(userId, roomId)
      else await ghosts.forget(userId, roomId)
    }
  }

  async #setState(event: MatrixEvent, portal: Portal | undefined, state: 'active' | 'paused'): Promise<string> {
    if (!portal) return 'This room is not bridged.'
    if (!(await this.#rights.mayBridge(event))) return 'You may not do that here.'
    const act = state === 'active' ? 'resume' : 'pause'
    await this.#parts.database.transaction('telegram state', async (tx) => {
      await setPortalState(tx, portal.chat_id, state)
      await addAct(tx, { ...portal, at: this.#parts.clock.now(), actor: event.sender, act })
    })
    return state === 'active' ? 'Bridged again.' : 'Nothing is bridged until !tg resume.'
  }

  async #sync(portal: Portal | undefined): Promise<string> {
    if (!portal) return 'This room is not bridged.'
    await this.#parts.metadata.refresh(portal)
    return `This room is as ${portal.title} is.`
  }

  async #status(portal: Portal | undefined): Promise<string> {
    const { database, bot } = this.#parts
    const [updates, events] = [await countUpdates(database), await countEvents(database)]
    const here = portal
      ? `This room is bridged with ${portal.title} (${portal.chat_id}), ${portal.state}.`
      : 'This room is not bridged.'
    return `${here}\nThe bot is @${bot.username}. Waiting: ${updates.waiting} from Telegram, ${events.waiting - 1} to it. Given up: ${updates.dead} and ${events.dead}.`
  }

  async #retry(event: MatrixEvent, portal: Portal | undefined): Promise<string> {
    if (!portal) return 'This room is not bridged.'
    const count = await this.#parts.database.transaction('telegram retry', (tx) => reviveEvents(tx, event.room_id))
    this.#parts.wake(event.room_id)
    return count === 0 ? 'Nothing was given up.' : `${count} will be sent again.`
  }

  async #link({ sender, content }: MatrixEvent): Promise<string> {
    const { matrix, bot, linkCodes } = this.#parts
    const [, , code, yes] = String(content['body']).trim().split(/\s+/)
    try {
      if (code !== undefined) return await linkCodes.say(sender, code, yes === 'yes')
      const { nonce } = await matrix.internal('link/start', { user_id: sender })
      return `Open https://t.me/${bot.username}?start=K${String(nonce)} in Telegram within 10 minutes, and say yes there.`
    } catch {
      return 'This account cannot be linked here.'
    }
  }

  async #whoami({ sender }: MatrixEvent): Promise<string> {
    const { tg_user: id } = await this.#parts.matrix
      .internal('account', { user_id: sender })
      .catch(() => ({ tg_user: undefined }))
    return typeof id === 'string'
      ? `You are ${sender}, and in Telegram the user ${id}.`
      : `You are ${sender}, not linked with anybody in Telegram.`
  }

  async #audit({ sender }: MatrixEvent): Promise<string> {
    if (!this.#rights.isAdmin(sender)) return 'That is for admins of the bridge.'
    const acts = await latestActs(this.#parts.database, 50)
    const lines = acts.map(
      ({ at, actor, act, chat_id: chat, room_id: room }) =>
        `${new Date(Number(at)).toISOString()} ${actor}: ${act} ${chat} ↔ ${room}`,
    )
    return lines.join('\n') || 'Nothing was bridged yet.'
  }

  async #list({ sender }: MatrixEvent): Promise<string> {
    if (!this.#rights.isAdmin(sender)) return 'That is for admins of the bridge.'
    const portals = await allPortals(this.#parts.database)
    return (
      portals
        .map(({ title, chat_id: chat, room_id: room, state }) => `${title}: ${chat} ↔ ${room} (${state})`)
        .join('\n') || 'Nothing is bridged.'
    )
  }
}
