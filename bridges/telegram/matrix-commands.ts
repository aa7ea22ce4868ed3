/** What people ask of the bridge in Matrix: messages that begin with `!tg`. */
import type { MatrixEvent } from '../appservice/event.ts'
import { adminCommands, type AdminsParts } from './commands/admins.ts'
import { bridgingCommands, type BridgingParts } from './commands/bridging.ts'
import { argumentsOf, type Commands } from './commands/command.ts'
import { groupCommands, type GroupsParts } from './commands/groups.ts'
import { helpIn } from './commands/help.ts'
import { looksCommands, type LooksParts } from './commands/looks.ts'
import { oneselfCommands, type OneselfParts } from './commands/oneself.ts'
import { queueCommands, type QueueParts } from './commands/queue.ts'
import { isRefusal } from './matrix.ts'
import { RuleError } from './rules.ts'
import { type Portal, portalOfRoom } from './store/portals.ts'
import { textsFor } from './texts.ts'

export interface MatrixCommandsParts
  extends BridgingParts, QueueParts, LooksParts, GroupsParts, AdminsParts, OneselfParts {}

export class MatrixCommands {
  readonly #parts: MatrixCommandsParts
  readonly #commands: Commands

  constructor(parts: MatrixCommandsParts) {
    this.#parts = parts
    this.#commands = {
      ...bridgingCommands(parts),
      ...queueCommands(parts),
      ...looksCommands(parts),
      ...groupCommands(parts),
      ...adminCommands(parts),
      ...oneselfCommands(parts),
      help: (event) => Promise.resolve(helpIn(argumentsOf(event)[0])),
    }
  }

  /** Whether the event was a command; it is answered then. Notices, which programs write, are none. */
  async take(event: MatrixEvent, portal: Portal | undefined): Promise<boolean> {
    const { body, msgtype } = event.content
    if (event.type !== 'm.room.message' || msgtype === 'm.notice' || typeof body !== 'string') return false
    const [word, name = 'help'] = body.trim().split(/\s+/)
    if (word !== '!tg') return false
    const key = name.toLowerCase()
    const command = Object.hasOwn(this.#commands, key) ? this.#commands[key] : undefined
    const answer = command
      ? await command(event, portal).catch(refusalOf)
      : `There is no command ${name}.\n\n${helpIn('en')}`
    if (answer === '') return true
    await this.#parts.matrix.notice(event.room_id, answer, `tg.answer.${event.event_id.slice(1)}`, event.event_id)
    return true
  }

  /** The bot comes where those call it who may bridge, or where a room of its own has moved, and gives whether it did. */
  async invited({ sender, room_id: roomId }: MatrixEvent, isAwaited: boolean): Promise<boolean> {
    const { matrix, rules, database } = this.#parts
    const isWelcome =
      isAwaited || (await rules.roleOf(sender)) !== 'relay' || (await portalOfRoom(database, roomId)) !== undefined
    try {
      await matrix.setMembership(matrix.botUserId, roomId, isWelcome ? 'join' : 'leave')
    } catch (error) {
      if (!isRefusal(error)) throw error
      return false // the invitation was taken back
    }
    return isWelcome
  }
}

/** What was refused is said. */
function refusalOf(error: unknown): string {
  if (!(error instanceof RuleError)) throw error
  return textsFor('en').bridgeRefusals[error.reason]
}
