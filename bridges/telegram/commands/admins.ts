/** Commands of those who run the bridge. */
import type { Clock } from '../../../homeserver/platform/clock.ts'
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import type { Bans } from '../bans.ts'
import type { BridgeConfig } from '../config.ts'
import type { Permissions } from '../permissions.ts'
import { latestActs } from '../store/audit.ts'
import { leaseOf } from '../store/leases.ts'
import { allPortals } from '../store/portals.ts'
import { argumentsOf, type Commands, forAdmins } from './command.ts'

export interface AdminsParts {
  readonly database: Database
  readonly clock: Clock
  readonly permissions: Permissions
  readonly bans: Bans
  readonly bot: { readonly id: string; readonly username: string }
  readonly limits: Pick<BridgeConfig, 'groupPerMinute' | 'maxUpload' | 'maxPortals' | 'maxMembers'>
}

export function adminCommands({ database, clock, permissions, bans, bot, limits }: AdminsParts): Commands {
  const commands: Record<string, (event: MatrixEvent) => Promise<string>> = {
    list: async () => {
      const portals = await allPortals(database)
      return (
        portals
          .map(({ title, chat_id: chat, room_id: room, state }) => `${title}: ${chat} ↔ ${room} (${state})`)
          .join('\n') || 'Nothing is bridged.'
      )
    },
    audit: async () => {
      const acts = await latestActs(database, 50)
      const lines = acts.map(
        ({ at, actor, act, chat_id: chat, room_id: room }) =>
          `${new Date(Number(at)).toISOString()} ${actor}: ${act} ${chat} ↔ ${room}`,
      )
      return lines.join('\n') || 'Nothing was bridged yet.'
    },
    ban: async (event) => {
      const person = personIn(event)
      if (person === undefined) return whom
      if (permissions.isAdmin(person)) return 'Admins cannot be shut out.'
      await bans.add(person, event.sender)
      return `What ${person} says is not bridged any more.`
    },
    unban: async (event) => {
      const person = personIn(event)
      if (person === undefined) return whom
      return (await bans.remove(person)) ? `What ${person} says is bridged again.` : `${person} was not shut out.`
    },
    bans: async () => {
      const lines = (await bans.list()).map(
        ({ person, actor, at }) => `${person}, by ${actor}, ${new Date(Number(at)).toISOString()}`,
      )
      return lines.join('\n') || 'Nobody is shut out.'
    },
    limits: () =>
      Promise.resolve(
        [
          `${limits.groupPerMinute} messages a minute to a group, 30 a second in all`,
          `files up to ${Math.floor(limits.maxUpload / 1024 / 1024)} MB`,
          `${limits.maxPortals} chats for each user, groups of up to ${limits.maxMembers} people`,
        ].join('\n'),
      ),
    lease: async () => {
      const lease = await leaseOf(database, bot.id)
      if (!lease) return 'No process works for the bot.'
      return `${lease.holder}, for another ${Math.ceil((lease.until - clock.now()) / 1000)} seconds.`
    },
  }
  return Object.fromEntries(Object.entries(commands).map(([name, command]) => [name, forAdmins(permissions, command)]))
}

const whom = 'Say whom: @user:server, or the number of somebody in Telegram.'

function personIn(event: MatrixEvent): string | undefined {
  const [person = ''] = argumentsOf(event)
  return /^(?:@[^\s:]+:\S+|\d{1,20})$/.test(person) ? person : undefined
}
