/** Commands about how a room and its people look to others. */
import type { Database } from '../../appservice/database.ts'
import type { PublicPortals } from '../public-portals.ts'
import { nameFormat } from '../relay.ts'
import type { Rules } from '../rules.ts'
import { type Portal, setNameFormat } from '../store/portals.ts'
import { bridged, type Commands, restOf } from './command.ts'

export interface LooksParts {
  readonly database: Database
  readonly rules: Rules
  readonly publicPortals: PublicPortals
}

export function looksCommands({ database, rules, publicPortals }: LooksParts): Commands {
  const formatNames = async (portal: Portal, wish: string): Promise<string | undefined> => {
    const before = { format: portal.name_format, isRepeated: portal.is_name_repeated === 1 }
    const wished = nameFormat(wish) ? { ...before, format: wish } : wishes.get(wish)?.(before)
    if (!wished) return undefined
    await database.transaction('telegram name format', (tx) => setNameFormat(tx, portal.room_id, wished))
    const shown = (wished.format ?? '{name}:').replace('{name}', 'Name')
    const often = wished.isRepeated ? '' : ', and those that follow of the same person have no name'
    return `Messages of Matrix are in Telegram: ${shown} text${often}.`
  }
  return {
    'relay-format': bridged(async (event, portal) => {
      await rules.checkMayEnd(event.sender, portal)
      const answer = await formatNames(portal, restOf(event))
      return answer ?? 'Say {name} with a sign behind it, as in {name}: or [{name}], or once, always, default.'
    }),
    set: bridged(async (event, portal) => {
      await rules.checkRules(event.sender, portal.room_id)
      const wish = restOf(event)
      if (wish === 'public') return await publicPortals.publish(portal)
      if (wish === 'private') return await publicPortals.withdraw(portal)
      return '!tg set public, or !tg set private.'
    }),
    id: bridged((_, { chat_id: chat, thread_id: thread, room_id: room }) =>
      Promise.resolve(`Telegram: ${chat}${thread > 0 ? `, topic ${thread}` : ''}\nMatrix: ${room}`),
    ),
  }
}

interface Naming {
  readonly format: string | null
  readonly isRepeated: boolean
}

const wishes = new Map<string, (before: Naming) => Naming>([
  ['once', ({ format }) => ({ format, isRepeated: false })],
  ['always', ({ format }) => ({ format, isRepeated: true })],
  ['default', () => ({ format: null, isRepeated: true })],
])
