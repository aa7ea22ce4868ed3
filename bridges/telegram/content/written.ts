/** What somebody wrote, as content of an event: with what they quote, and who wrote it first. */
import type { Message, MessageEntity, MessageOrigin } from 'node-telegram-bot-api'
import { escape, type Html, type Names, toHtml } from '../format/to-html.ts'
import type { Content } from '../../appservice/event.ts'
import { linkTo } from './words.ts'

const MAX_MENTIONS = 100

/** Text, and who wrote it first where it is forwarded. */
export function written(
  message: Message,
  text: string,
  entities: readonly MessageEntity[] | undefined,
  names: Names,
): Content {
  return writtenHtml(message, toHtml(text, entities ?? [], names))
}

export function writtenHtml(message: Message, html: Html): Content {
  const { body, formatted, mentioned } = quoted(message, html)
  return {
    body,
    ...(formatted === undefined ? {} : { format: 'org.matrix.custom.html', formatted_body: formatted }),
    'm.mentions': mentioned.length > 0 ? { user_ids: mentioned.slice(0, MAX_MENTIONS) } : {},
  }
}

function quoted(message: Message, html: Html): Html {
  const { forward_origin: origin, quote, external_reply: elsewhere } = message
  let { body, formatted } = html
  const inner = (): string => formatted ?? escape(body).replaceAll('\n', '<br>')
  if (quote?.is_manual === true) {
    formatted = `<blockquote>${escape(quote.text).replaceAll('\n', '<br>')}</blockquote>${inner()}`
    body = `${quote.text.replace(/^/gm, '> ')}\n\n${body}`
  }
  if (elsewhere) {
    const { chat, message_id: id } = elsewhere
    const link = chat && id !== undefined ? linkTo({ chat, message_id: id }) : ''
    const name = originName(elsewhere.origin)
    const shown = link === '' ? escape(name) : `<a href="${escape(link)}">${escape(name)}</a>`
    formatted = `<p>In reply to ${shown}</p>${inner()}`
    body = `${['In reply to', name, link].filter(Boolean).join(' ')}\n\n${body}`
  }
  if (origin) {
    const name = originName(origin)
    const said = inner()
    const header = `Forwarded from ${name}`
    formatted = `<p>Forwarded from <strong>${escape(name)}</strong></p>${said === '' ? '' : `<blockquote>${said}</blockquote>`}`
    body = body === '' ? header : `${header}:\n${body.replace(/^/gm, '> ')}`
  }
  return { ...html, body, formatted }
}

function originName(origin: MessageOrigin): string {
  if ('sender_user' in origin)
    return [origin.sender_user.first_name, origin.sender_user.last_name].filter(Boolean).join(' ')
  if ('sender_user_name' in origin) return origin.sender_user_name
  const chat = 'sender_chat' in origin ? origin.sender_chat : 'chat' in origin ? origin.chat : undefined
  return chat?.title ?? 'a channel'
}
