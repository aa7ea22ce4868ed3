/** What of a message has no file, in words. Kinds that Matrix does not know are told by their name. */
import type { Message, MessageEntity } from 'node-telegram-bot-api'
import type { Content } from '../../appservice/event.ts'
import { otherOf } from './other.ts'

export interface Words {
  readonly text: string
  readonly entities?: readonly MessageEntity[] | undefined
  readonly msgtype?: string
  /** Further content. */
  readonly more?: Content
  /** Goes into what is said about the message. */
  readonly extra?: Content
}

/** Where people who are in the chat find the message. */
export function linkTo({ chat, message_id: id }: Pick<Message, 'chat' | 'message_id'>): string {
  if (chat.username !== undefined && chat.type !== 'private') return `https://t.me/${chat.username}/${id}`
  return chat.type === 'supergroup' || chat.type === 'channel'
    ? `https://t.me/c/${String(chat.id).replace(/^-100/, '')}/${id}`
    : ''
}

export function wordsOf(message: Message): Words {
  const { text, entities, location, contact, poll, dice, caption, caption_entities = [] } = message
  if (text !== undefined) return { text, entities }
  if (location) return placeOf(message, location)
  if (contact) {
    const name = [contact.first_name, contact.last_name].filter(Boolean).join(' ')
    return { text: `Contact: ${name}, ${contact.phone_number}` }
  }
  if (poll) {
    const lines = poll.options.map(
      (option, index) => `${index + 1}. ${option.text}${poll.is_closed ? `: ${option.voter_count}` : ''}`,
    )
    const end = poll.is_closed ? 'The poll is closed.' : `Vote in Telegram ${linkTo(message)}`.trim()
    return { text: [`Poll: ${poll.question}`, ...lines, end].join('\n') }
  }
  if (dice) return { text: `${dice.emoji} ${dice.value}`, extra: { kind: 'dice', value: dice.value } }
  const { kind, lines } = otherOf(message)
  const said = [`[${kind.replaceAll('_', ' ')}] ${linkTo(message)}`.trim(), ...lines].join('\n')
  if (caption === undefined) return { text: said, extra: { kind } }
  const moved = caption_entities.map((entity) => ({ ...entity, offset: entity.offset + said.length + 1 }))
  return { text: `${said}\n${caption}`, entities: moved, extra: { kind } }
}

function placeOf({ venue }: Message, { latitude, longitude, live_period: live }: Required<Message>['location']): Words {
  const uri = `geo:${latitude},${longitude}`
  const name = venue ? `${venue.title}, ${venue.address}` : live === undefined ? 'Location' : 'Live location'
  const more = {
    geo_uri: uri,
    'org.matrix.msc3488.location': { uri, description: name },
    'org.matrix.msc3488.asset': { type: 'm.pin' },
  }
  return { text: `${name}: ${uri}`, msgtype: 'm.location', more }
}
