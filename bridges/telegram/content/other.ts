/** Kinds of messages that Matrix has nothing for: what they are called, and what is to be read in them. */
import type { Message } from 'node-telegram-bot-api'
import type { Content } from '../../appservice/event.ts'
import { listOf, objectOf, stringOf } from '../../appservice/json.ts'

const MAX_LINES = 50
const MAX_LINE = 1_000

/** `lines` is what is said below the name of the kind. */
export function otherOf(message: Message): { readonly kind: string; readonly lines: readonly string[] } {
  const kind = Object.keys(message).find((key) => !common.has(key)) ?? 'message'
  const about = objectOf((message as unknown as Content)[kind])
  const said = ['title', 'name', 'description', 'prize_description', 'text'].map(textIn(about))
  const lines = [...said, ...linesOf(kind, about)]
  return { kind, lines: lines.filter((line) => line !== '').slice(0, MAX_LINES) }
}

const textIn =
  (about: Content) =>
  (key: string): string =>
    (stringOf(about[key]) ?? '').slice(0, MAX_LINE)

function linesOf(kind: string, about: Content): readonly string[] {
  const number = (key: string, what: string): string => (typeof about[key] === 'number' ? `${about[key]} ${what}` : '')
  switch (kind) {
    case 'checklist':
      return listOf(about['tasks']).map(taskLine)
    case 'paid_media':
      return [number('star_count', '⭐')]
    case 'giveaway':
    case 'giveaway_completed':
      return [number('winner_count', 'winners')]
    case 'giveaway_winners':
      return [
        number('winner_count', 'winners'),
        ...listOf(about['winners']).map((one) => textIn(objectOf(one))('first_name')),
      ]
    case 'story': {
      const username = stringOf(objectOf(about['chat'])['username']) ?? ''
      return /^\w{1,64}$/.test(username) ? [`https://t.me/${username}/s/${Number(about['id'])}`] : []
    }
    case 'community_chat_added':
    case 'community_chat_joined':
      return [textIn(objectOf(about['community']))('name')]
    default:
      return []
  }
}

function taskLine(task: unknown): string {
  const { text, completed_by_user: user, completed_by_chat: chat } = objectOf(task)
  return `${user === undefined && chat === undefined ? '☐' : '☑'} ${(stringOf(text) ?? '').slice(0, MAX_LINE)}`
}

/** Members that say nothing of what kind a message is. */
const common = new Set([
  'message_id',
  'from',
  'sender_chat',
  'date',
  'chat',
  'message_thread_id',
  'direct_messages_topic',
  'is_topic_message',
  'reply_to_message',
  'reply_to_story',
  'reply_to_checklist_task_id',
  'reply_to_poll_option_id',
  'external_reply',
  'quote',
  'edit_date',
  'forward_origin',
  'via_bot',
  'author_signature',
  'has_protected_content',
  'sender_boost_count',
  'sender_business_bot',
  'sender_tag',
  'receiver_user',
  'ephemeral_message_id',
  'guest_query_id',
  'guest_bot_caller_user',
  'guest_bot_caller_chat',
  'business_connection_id',
  'reply_markup',
  'is_automatic_forward',
  'is_from_offline',
  'is_paid_post',
  'paid_star_count',
  'suggested_post_info',
  'effect_id',
  'link_preview_options',
  'media_group_id',
  'caption',
  'caption_entities',
  'show_caption_above_media',
  'has_media_spoiler',
])
