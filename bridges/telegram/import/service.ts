/** What has happened to the chat itself, in words. */
import type { ExportedMessage } from './export.ts'

/** Undefined for what need not be told. */
export function noticeOf({ action = '', actor, title, members }: ExportedMessage): string | undefined {
  const who = actor ?? 'Somebody'
  const whom = (members ?? []).map((name) => name ?? 'Deleted Account').join(', ')
  switch (action) {
    case 'create_group':
    case 'create_channel':
      return `${who} created ${title ?? 'the chat'}`
    case 'edit_group_title':
      return `${who} named the chat ${title ?? ''}`.trim()
    case 'edit_group_photo':
      return `${who} changed the picture`
    case 'delete_group_photo':
      return `${who} removed the picture`
    case 'invite_members':
      return whom === '' || whom === who ? `${who} joined` : `${who} added ${whom}`
    case 'join_group_by_link':
    case 'join_group_by_request':
      return `${who} joined`
    case 'remove_members':
      return whom === '' || whom === who ? `${who} left` : `${who} removed ${whom}`
    case 'pin_message':
      return `${who} pinned a message`
    case 'phone_call':
      return `${who} called`
    case 'group_call':
      return `${who} began a group call`
    case 'topic_created':
      return `${who} began the topic ${title ?? ''}`.trim()
    default:
      return undefined
  }
}
