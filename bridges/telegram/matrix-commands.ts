/** What people ask of the bridge in Matrix: messages that begin with `!tg`. */
import { randomInt } from 'node:crypto'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Database } from '../appservice/database.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import type { LinkCodes } from './link-codes.ts'
import type { Matrix } from './matrix.ts'
import type { Metadata } from './metadata.ts'
import type { Permissions } from './permissions.ts'
import type { Portals } from './portals.ts'
import { RuleError, type Rules } from './rules.ts'
import { latestActs } from './store/audit.ts'
import { countEvents } from './store/events.ts'
import { addHandshake, allPortals, type Portal, portalOfRoom } from './store/portals.ts'
import { countUpdates } from './store/updates.ts'
import { textsFor } from './texts.ts'

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
  readonly rules: Rules
  readonly portals: Portals
  readonly permissions: Permissions
  readonly linkCodes: LinkCodes
  readonly metadata: Metadata
  readonly clock: Clock
  readonly bot: { readonly id: string; readonly username: string }
}

type Command = (event: MatrixEvent, portal: Portal | undefined) => Promise<string>

export class MatrixCommands {
  readonly #parts: MatrixCommandsParts
  readonly #commands: Readonly<Record<string, Command>>

  constructor(parts: MatrixCommandsParts) {
    this.#parts = parts
    this.#commands = {
      help: () => Promise.resolve(HELP),
      bridge: (event) => this.#bridge(event),
      unbridge: bridged((event, portal) => this.#unbridge(event, portal)),
      pause: bridged((event, portal) => this.#setState(event, portal, 'paused')),
      resume: bridged((event, portal) => this.#setState(event, portal, 'active')),
      status: (_, portal) => this.#status(portal),
      sync: bridged((_, portal) => this.#sync(portal)),
      retry: bridged((event) => this.#retry(event)),
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
    const answer = command ? await command(event, portal).catch(refusalOf) : `There is no command ${name}.\n\n${HELP}`
    await this.#parts.matrix.notice(event.room_id, answer, `tg.answer.${event.event_id.slice(1)}`, event.event_id)
    return true
  }

  /** The bot comes where those call it who may bridge, and gives whether it did. Ghosts cannot begin chats. */
  async invited({ state_key: userId = '', sender, room_id: roomId }: MatrixEvent): Promise<boolean> {
    const { matrix, permissions } = this.#parts
    const isWelcome = userId === matrix.botUserId && permissions.roleOf(sender) !== 'relay'
    const isPortal = (await portalOfRoom(this.#parts.database, roomId)) !== undefined
    await matrix.setMembership(userId, roomId, isWelcome || isPortal ? 'join' : 'leave')
    return isWelcome
  }

  #isAdmin(userId: string): boolean {
    return this.#parts.permissions.isAdmin(userId)
  }

  async #bridge(event: MatrixEvent): Promise<string> {
    const { database, clock, bot, rules } = this.#parts
    const { room_id: roomId, sender } = event
    await rules.checkRoom(sender, roomId, { isForced: argumentsOf(event).includes('--force') })
    const code = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
    const handshake = { room_id: roomId, user_id: sender, expires_at: clock.now() + CODE_MS }
    await database.transaction('telegram handshake', (tx) => addHandshake(tx, code, handshake))
    return `Add @${bot.username} to the Telegram group as an administrator, and let one of its administrators send there, within 10 minutes:\n\n/bridge@${bot.username} ${code}`
  }

  async #unbridge({ sender }: MatrixEvent, portal: Portal): Promise<string> {
    const { rules, portals } = this.#parts
    await rules.checkMayEnd(sender, portal)
    await portals.end(portal, sender)
    return `This room is not bridged with ${portal.title} any more.`
  }

  async #setState({ sender }: MatrixEvent, portal: Portal, state: 'active' | 'paused'): Promise<string> {
    const { rules, portals } = this.#parts
    await rules.checkMayEnd(sender, portal)
    await portals.setState([portal], state, sender)
    return state === 'active' ? 'Bridged again.' : 'Nothing is bridged until !tg resume.'
  }

  async #sync(portal: Portal): Promise<string> {
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

  async #retry({ room_id: roomId }: MatrixEvent): Promise<string> {
    const count = await this.#parts.portals.retry(roomId)
    return count === 0 ? 'Nothing was given up.' : `${count} will be sent again.`
  }

  async #link(event: MatrixEvent): Promise<string> {
    const { matrix, bot, linkCodes } = this.#parts
    const { sender } = event
    const [code, yes] = argumentsOf(event)
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
    if (!this.#isAdmin(sender)) return 'That is for admins of the bridge.'
    const acts = await latestActs(this.#parts.database, 50)
    const lines = acts.map(
      ({ at, actor, act, chat_id: chat, room_id: room }) =>
        `${new Date(Number(at)).toISOString()} ${actor}: ${act} ${chat} ↔ ${room}`,
    )
    return lines.join('\n') || 'Nothing was bridged yet.'
  }

  async #list({ sender }: MatrixEvent): Promise<string> {
    if (!this.#isAdmin(sender)) return 'That is for admins of the bridge.'
    const portals = await allPortals(this.#parts.database)
    return (
      portals
        .map(({ title, chat_id: chat, room_id: room, state }) => `${title}: ${chat} ↔ ${room} (${state})`)
        .join('\n') || 'Nothing is bridged.'
    )
  }
}

/** What stands behind the name of a command. */
const argumentsOf = ({ content }: MatrixEvent): string[] => String(content['body']).trim().split(/\s+/).slice(2)

/** A command for a room that is bridged. */
const bridged =
  (command: (event: MatrixEvent, portal: Portal) => Promise<string>): Command =>
  async (event, portal) => {
    if (!portal) throw new RuleError('not_bridged')
    return await command(event, portal)
  }

/** What was refused is said. */
function refusalOf(error: unknown): string {
  if (!(error instanceof RuleError)) throw error
  return textsFor('en').bridgeRefusals[error.reason]
}
