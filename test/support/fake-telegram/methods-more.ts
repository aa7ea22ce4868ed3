/** What bots do more seldom: messages of blocks, copies of many, links by which people come, sets of stickers. */
import type { InputRichMessage, Message } from 'node-telegram-bot-api'
import type { Call, Method } from './call.ts'
import { ruled } from './methods-chat.ts'
import { copied, send } from './methods-send.ts'
import { bad } from './problem.ts'

/** What Telegram allows. */
const MAX_BLOCKS = 500

function sendRichMessage(call: Call): Message {
  const { blocks, html, markdown } = call.params.json<InputRichMessage>('rich_message') ?? {}
  const text = html ?? markdown
  if (blocks && text !== undefined) throw bad('rich message must have exactly one of html, markdown and blocks')
  const all = blocks ?? (text === undefined ? [] : [{ type: 'paragraph', text }])
  if (all.length === 0) throw bad('rich message is empty')
  if (all.length > MAX_BLOCKS) throw bad('rich message has too many blocks')
  return send(call, { rich_message: { blocks: all } })
}

function copyMessages(call: Call): unknown {
  const ids = call.params.json<number[]>('message_ids') ?? []
  return ids.map((id) => ({ message_id: send(call, copied(call, id).content).message_id }))
}

function deleteMessageReaction(call: Call): true {
  const chat = ruled(call, 'can_delete_messages', 'delete reactions')
  chat.reacted.get(call.params.need('message_id'))?.delete(call.params.need('user_id'))
  return true
}

const general = (call: Call): true => (ruled(call, 'can_manage_topics', 'manage topics'), true)

/** Who has asked to come in. */
function answerRequest(call: Call, isWelcome: boolean): true {
  const chat = ruled(call, 'can_invite_users', 'manage join requests')
  const user = call.world.users.get(call.params.need('user_id'))
  if (!user || !chat.requests.delete(user.id)) throw bad('HIDE_REQUESTER_MISSING')
  if (isWelcome) call.world.setMember(chat, user, call.bot.user, 'member')
  return true
}

export const moreMethods: Readonly<Record<string, Method>> = {
  sendRichMessage,
  copyMessages,
  deleteMessageReaction,
  hideGeneralForumTopic: general,
  unhideGeneralForumTopic: general,
  approveChatJoinRequest: (call) => answerRequest(call, true),
  declineChatJoinRequest: (call) => answerRequest(call, false),
  revokeChatInviteLink: (call) => {
    ruled(call, 'can_invite_users', 'manage chat invite link')
    const shared = { creator: call.bot.user, creates_join_request: false, is_primary: false }
    return { invite_link: call.params.text('invite_link'), ...shared, is_revoked: true }
  },
  getStickerSet: ({ world, params }) => {
    const name = params.text('name') ?? ''
    const stickers = world.stickerSets.get(name)
    if (!stickers) throw bad('STICKERSET_INVALID')
    return { name, title: name, sticker_type: 'regular', stickers }
  },
}
