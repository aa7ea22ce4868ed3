/** Updates, the bot itself, chats, their members and topics, files. */
import type { User } from 'node-telegram-bot-api'
import type { Call, Method } from './call.ts'
import { photoSize } from './media.ts'
import { bad, forbidden } from './problem.ts'
import { chatMember, type FakeChat, type Status } from './world.ts'

const DOWNLOAD_LIMIT = 20 * 1024 * 1024

const chatOf = ({ world, bot, params }: Call): FakeChat => world.chatFor(bot, params.text('chat_id'))

/** The chat, if the bot is an administrator with this right. */
export function ruled(call: Call, right: string, what: string): FakeChat {
  const chat = chatOf(call)
  if (!call.world.may(chat, call.bot.user.id, right)) throw bad(`not enough rights to ${what}`)
  return chat
}

function userOf({ world, params }: Call): User {
  const user = world.users.get(params.need('user_id'))
  if (!user) throw bad('user not found')
  return user
}

function setMember(call: Call, status: Status): true {
  const chat = ruled(call, 'can_restrict_members', 'restrict/unrestrict chat member')
  const user = userOf(call)
  if (call.world.isAdmin(chat, user.id)) throw bad('user is an administrator of the chat')
  call.world.setMember(
    chat,
    user,
    call.bot.user,
    status,
    call.params.json<Record<string, boolean>>('permissions') ?? {},
  )
  return true
}

function getChat(call: Call): unknown {
  const { chat, description, photo, linked, reactions, pinned, messages } = chatOf(call)
  const pinnedMessage = messages.get(pinned[0] ?? -1)
  return {
    ...chat,
    accent_color_id: 0,
    max_reaction_count: 11,
    accepted_gift_types: {},
    ...(description ? { description } : {}),
    ...(linked ? { linked_chat_id: linked } : {}),
    ...(reactions ? { available_reactions: reactions.map((emoji) => ({ type: 'emoji', emoji })) } : {}),
    ...(pinnedMessage ? { pinned_message: pinnedMessage } : {}),
    ...(photo
      ? {
          photo: {
            small_file_id: photo.id,
            small_file_unique_id: `${photo.uniqueId}s`,
            big_file_id: photo.id,
            big_file_unique_id: photo.uniqueId,
          },
        }
      : {}),
  }
}

function topicOf(call: Call): { name: string; closed: boolean } {
  const topic = ruled(call, 'can_manage_topics', 'manage topics').topics.get(call.params.need('message_thread_id'))
  if (!topic) throw bad('message thread not found')
  return topic
}

function getFile({ world, params }: Call): unknown {
  const file = world.files.get(params.text('file_id') ?? '')
  if (!file) throw bad('invalid file_id')
  if (file.bytes.length > DOWNLOAD_LIMIT) throw bad('file is too big')
  return { file_id: file.id, file_unique_id: file.uniqueId, file_size: file.bytes.length, file_path: file.path }
}

/** Each scope and language has a list of its own. */
function menuOf(params: Call['params']): string {
  const { type } = params.json<{ type: string }>('scope') ?? { type: 'default' }
  return `${type} ${params.text('language_code') ?? ''}`
}

export const chatMethods: Readonly<Record<string, Method>> = {
  getMe: ({ bot }) => ({ ...bot.user, can_join_groups: true, can_read_all_group_messages: bot.readsAll }),
  getUpdates: ({ bot, params, signal }) => {
    bot.allowed = params.json<string[]>('allowed_updates')
    const [offset = 0, limit = 100, timeout = 0] = ['offset', 'limit', 'timeout'].map((key) => params.number(key))
    return bot.poll({ offset, limit: Math.min(limit, 100), timeout }, signal)
  },
  setWebhook: ({ bot, params }) => {
    const url = params.text('url') ?? ''
    bot.allowed = params.json<string[]>('allowed_updates')
    bot.webhook = url === '' ? undefined : { url, secret: params.text('secret_token') }
    if (bot.webhook) void bot.deliver()
    return true
  },
  deleteWebhook: ({ bot }) => {
    bot.webhook = undefined
    return true
  },
  getWebhookInfo: ({ bot }) => ({
    url: bot.webhook?.url ?? '',
    has_custom_certificate: false,
    pending_update_count: bot.waiting.length,
  }),
  logOut: () => true,
  close: () => true,
  setMyCommands: ({ bot, params }) => {
    bot.commands.set(menuOf(params), params.json<unknown[]>('commands') ?? [])
    return true
  },
  getMyCommands: ({ bot, params }) => bot.commands.get(menuOf(params)) ?? [],
  setMyDescription: () => true,
  setMyShortDescription: () => true,
  setChatMenuButton: () => true,
  answerCallbackQuery: () => true,
  getChat,
  getChatMember: (call) => {
    const chat = chatOf(call)
    const user = userOf(call)
    return chatMember(chat.members.get(user.id) ?? { user, status: 'left', rights: {} })
  },
  getChatAdministrators: (call) => {
    const chat = chatOf(call)
    const admins = [...chat.members.values()].filter(({ user }) => call.world.isAdmin(chat, user.id))
    return admins.map(chatMember)
  },
  getChatMemberCount: (call) =>
    chatOf(call)
      .members.values()
      .filter(({ status }) => status !== 'left' && status !== 'kicked')
      .toArray().length,
  getUserProfilePhotos: (call) => {
    const photo = call.world.photosOf.get(call.params.need('user_id'))
    return photo ? { total_count: 1, photos: [[photoSize(photo)]] } : { total_count: 0, photos: [] }
  },
  getFile,
  banChatMember: (call) => setMember(call, 'kicked'),
  unbanChatMember: (call) => setMember(call, 'left'),
  restrictChatMember: (call) => setMember(call, 'restricted'),
  leaveChat: (call) => {
    call.world.setMember(chatOf(call), call.bot.user, call.bot.user, 'left')
    return true
  },
  setChatTitle: (call) => {
    const chat = ruled(call, 'can_change_info', 'change chat title')
    chat.chat = { ...chat.chat, title: call.params.text('title') ?? '' }
    return true
  },
  setChatDescription: (call) => {
    ruled(call, 'can_change_info', 'change chat description').description = call.params.text('description')
    return true
  },
  deleteChatPhoto: (call) => {
    ruled(call, 'can_change_info', 'change chat photo').photo = undefined
    return true
  },
  exportChatInviteLink: (call) => {
    ruled(call, 'can_invite_users', 'manage chat invite link')
    return `https://t.me/+fake${Math.abs(chatOf(call).chat.id)}`
  },
  createChatInviteLink: (call) => {
    const chat = ruled(call, 'can_invite_users', 'manage chat invite link')
    const link = `https://t.me/+fake${Math.abs(chat.chat.id)}`
    return {
      invite_link: link,
      creator: call.bot.user,
      creates_join_request: false,
      is_primary: false,
      is_revoked: false,
    }
  },
  createForumTopic: (call) => {
    const chat = ruled(call, 'can_manage_topics', 'create a topic')
    if (!chat.chat.is_forum) throw bad('the chat is not a forum')
    const name = call.params.text('name') ?? ''
    const created = { name, icon_color: 7322096 }
    const { message_id: id } = call.world.post(chat, call.bot.user, { forum_topic_created: created })
    chat.topics.set(id, { name, closed: false })
    return { message_thread_id: id, ...created }
  },
  editForumTopic: (call) => {
    topicOf(call).name = call.params.text('name') ?? ''
    return true
  },
  closeForumTopic: (call) => {
    topicOf(call).closed = true
    return true
  },
  reopenForumTopic: (call) => {
    topicOf(call).closed = false
    return true
  },
  deleteForumTopic: (call) => {
    topicOf(call)
    chatOf(call).topics.delete(call.params.need('message_thread_id'))
    return true
  },
  getCustomEmojiStickers: ({ world, params }) =>
    (params.json<string[]>('custom_emoji_ids') ?? []).flatMap((id) => {
      const file = world.files.get(id)
      const shape = { type: 'custom_emoji', width: 100, height: 100, is_animated: false, is_video: false, emoji: '🙂' }
      return file ? [{ file_id: file.id, file_unique_id: file.uniqueId, custom_emoji_id: id, ...shape }] : []
    }),
  promoteChatMember: (call) => {
    if (!call.world.may(chatOf(call), call.bot.user.id, 'can_promote_members')) throw forbidden('CHAT_ADMIN_REQUIRED')
    call.world.setMember(chatOf(call), userOf(call), call.bot.user, 'administrator', {})
    return true
  },
}
