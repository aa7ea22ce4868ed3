/** Commands that do something in the Telegram group. */
import type { Database } from '../../appservice/database.ts'
import type { Rules } from '../rules.ts'
import { findPortal, type Portal } from '../store/portals.ts'
import { type Telegram, verdictOf } from '../telegram.ts'
import type { Topics } from '../topics.ts'
import { bridged, type Commands, restOf } from './command.ts'

/** What Telegram takes, in characters. */
const MAX_TOPIC = 128

export interface GroupsParts {
  readonly database: Database
  readonly telegram: Telegram
  readonly rules: Rules
  readonly topics: Topics
}

export function groupCommands({ database, telegram, rules, topics }: GroupsParts): Commands {
  const { sender } = telegram
  const newTopic = async ({ chat_id: chatId }: Portal, name: string): Promise<string> => {
    const made = await sender.createForumTopic({ chat_id: Number(chatId), name })
    const general = await findPortal(database, chatId)
    if (general && topics.kindIn(general) === 'rooms') await topics.make(general, made.message_thread_id, name)
    return `Telegram has the topic ${name} now.`
  }
  return {
    topic: bridged(async (event, portal) => {
      await rules.checkMayEnd(event.sender, portal)
      const [, what = '', name = ''] = /^(\S+)\s*(.*)$/s.exec(restOf(event)) ?? []
      const topic = { chat_id: Number(portal.chat_id), message_thread_id: portal.thread_id }
      if (what === 'new' && name !== '') return await tried(() => newTopic(portal, name.slice(0, MAX_TOPIC)))
      if (what !== 'close' && what !== 'reopen')
        return '!tg topic new NAME; and in the room of a topic, close or reopen.'
      if (portal.thread_id <= 0) return 'This is not the room of a topic.'
      return await tried(async () => {
        await (what === 'close' ? sender.closeForumTopic(topic) : sender.reopenForumTopic(topic))
        return what === 'close' ? 'The topic is closed in Telegram.' : 'The topic is open in Telegram.'
      })
    }),
    'invite-link': bridged(async (event, portal) => {
      await rules.checkMayEnd(event.sender, portal)
      return await tried(async () => {
        const { invite_link: link } = await sender.createChatInviteLink({ chat_id: Number(portal.chat_id) })
        return link
      })
    }),
  }
}

/** What Telegram refuses is the answer. */
async function tried(work: () => Promise<string>): Promise<string> {
  try {
    return await work()
  } catch (error) {
    const verdict = verdictOf(error)
    if (verdict.kind !== 'never') throw error
    return `Telegram does not let the bot do that: ${verdict.why}`
  }
}
