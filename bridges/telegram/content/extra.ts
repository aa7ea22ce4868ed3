/** What Telegram says of a message besides its content. */
import type { Message } from 'node-telegram-bot-api'
import type { Content } from '../../appservice/event.ts'

/** Under this name it stands in events, for apps and bridges that want to know. */
export const EXTRA = 'org.domovoi.telegram'

/** https://github.com/matrix-org/matrix-spec-proposals/pull/4193 */
export const SPOILER = 'page.codeberg.everypizza.msc4193.spoiler'

export function extraOf(message: Message, own: Content = {}): Content {
  const { media_group_id: album, via_bot: bot, author_signature: author, sender_tag: tag, chat } = message
  const extra = {
    ...(album === undefined ? {} : { album_id: album }),
    ...(bot?.username === undefined ? {} : { via_bot: bot.username }),
    ...(author === undefined ? {} : { author_signature: author }),
    ...(tag === undefined ? {} : { sender_tag: tag }),
    // Telegram lets nobody forward or save it; what apps here make of that is theirs.
    ...(message.has_protected_content === true ? { is_protected: true } : {}),
    ...own,
  }
  return {
    ...(Object.keys(extra).length === 0 ? {} : { [EXTRA]: extra }),
    // The channel speaks, and under its name who signed. https://github.com/matrix-org/matrix-spec-proposals/pull/4144
    ...(author === undefined
      ? {}
      : { 'com.beeper.per_message_profile': { id: `${chat.id} ${author}`, displayname: author } }),
  }
}
