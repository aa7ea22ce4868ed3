/** Commands about what waits, and what did not get through. */
import type { Database } from '../../appservice/database.ts'
import { eventIdOf } from '../../appservice/event.ts'
import type { Matrix } from '../matrix.ts'
import type { Portals } from '../portals.ts'
import type { Rules } from '../rules.ts'
import { countEvents, deadEvents } from '../store/events.ts'
import { countUpdates } from '../store/updates.ts'
import { argumentsOf, bridged, type Commands } from './command.ts'

const MAX_DEAD = 20

export interface QueueParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly rules: Rules
  readonly portals: Portals
  readonly bot: { readonly id: string; readonly username: string }
}

export function queueCommands({ matrix, database, rules, portals, bot }: QueueParts): Commands {
  return {
    status: async (_, portal) => {
      const [updates, events] = [await countUpdates(database), await countEvents(database)]
      const here = portal
        ? `This room is bridged with ${portal.title} (${portal.chat_id}), ${portal.state}.`
        : 'This room is not bridged.'
      const parked = events.parked === 0 ? '' : ` ${waitsForBot(events.parked)}.`
      return `${here}\nThe bot is @${bot.username}. Waiting: ${updates.waiting} from Telegram, ${events.waiting - 1} to it.${parked} Given up: ${updates.dead} and ${events.dead}.`
    },
    dead: bridged(async ({ room_id: roomId }) => {
      const dead = await deadEvents(database, roomId, MAX_DEAD)
      const lines = dead.map(({ event_id: id, error }) => `${matrix.permalink(roomId, id)}: ${error ?? ''}`)
      return lines.join('\n') || 'Nothing was given up.'
    }),
    retry: bridged(async (event, portal) => {
      const [which] = argumentsOf(event)
      const eventId = eventIdOf(
        decoded(which)
          ?.replace(/^.*\/(?=\$)/, '')
          .replace(/\?.*$/, ''),
      )
      if (which !== undefined && which !== 'all' && eventId === undefined) return 'That is no event.'
      const whose = await rules.retriable(event.sender, portal)
      const count = await portals.retry(event.room_id, { ...whose, ...(eventId === undefined ? {} : { eventId }) })
      if (count > 0) return `${count} will be sent again.`
      return whose.sender === undefined ? 'Nothing was given up.' : 'Nothing of yours was given up.'
    }),
  }
}

const waitsForBot = (count: number): string => `${count} ${count === 1 ? 'waits' : 'wait'} for the bot to be back`

/** Of an address that people copied, or of an id. */
function decoded(which: string | undefined): string | undefined {
  try {
    return which && decodeURIComponent(which)
  } catch {
    return undefined
  }
}
