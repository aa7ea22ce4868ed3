/**
 * What programs post that were written for Slack, as Markdown.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
import * as z from 'zod'
import { clipped, joined, lines, quoted, type Said } from './said.ts'

const text = z.string().max(50_000)
const textObject = z.looseObject({ text })
const block = z.looseObject({
  type: z.string(),
  text: z.union([textObject, text]).optional(),
  fields: z.array(textObject).max(50).optional(),
  elements: z
    .array(z.looseObject({ text: z.unknown().optional() }))
    .max(50)
    .optional(),
  title: z.unknown().optional(),
  image_url: text.optional(),
  alt_text: text.optional(),
})
const field = z.looseObject({ title: text.optional(), value: z.union([text, z.number(), z.boolean()]).optional() })
const attachment = z.looseObject({
  fallback: text.nullish(),
  pretext: text.nullish(),
  author_name: text.nullish(),
  title: text.nullish(),
  title_link: text.nullish(),
  text: text.nullish(),
  fields: z.array(field).max(50).nullish(),
  image_url: text.nullish(),
  footer: text.nullish(),
  blocks: z.array(block).max(50).nullish(),
})

export const slackBody = z.looseObject({
  text: text.nullish(),
  username: text.nullish(),
  icon_url: text.nullish(),
  attachments: z.array(attachment).max(20).nullish(),
  blocks: z.array(block).max(50).nullish(),
})

export function sayOfSlack(body: z.output<typeof slackBody>): Said {
  const { blocks, attachments } = body
  // With blocks the text is what notifications show of them.
  const main = blocks && blocks.length > 0 ? blocks.map(ofBlock) : [mrkdwn(body.text ?? '')]
  const markdown = lines([...main, ...(attachments ?? []).map((one) => quoted(ofAttachment(one)))])
  return { markdown, name: body.username ?? undefined, avatar: body.icon_url ?? undefined }
}

function ofBlock({
  type,
  text: given,
  fields = [],
  elements = [],
  image_url: image,
  alt_text: alt,
}: z.output<typeof block>): string {
  const shown = typeof given === 'string' ? given : (given?.text ?? '')
  if (type === 'divider') return '---'
  if (type === 'header') return `**${shown}**`
  if (type === 'image') return clipped(`[${alt ?? 'image'}](${image ?? ''})`)
  const inner = elements.map(({ text: one }) => (typeof one === 'string' ? one : '')).filter(Boolean)
  return mrkdwn(lines([shown, ...fields.map((one) => one.text), joined(inner, ' ')]))
}

function ofAttachment(given: z.output<typeof attachment>): string {
  const title = given.title ?? ''
  const linked =
    title !== '' && given.title_link
      ? `**[${title.replace(/[[\]]/g, '')}](${given.title_link})**`
      : title && `**${title}**`
  const fields = (given.fields ?? []).map(({ title: name = '', value = '' }) => `**${name}:** ${mrkdwn(String(value))}`)
  const parts = lines([
    mrkdwn(given.pretext ?? ''),
    given.author_name ?? '',
    linked,
    mrkdwn(given.text ?? ''),
    ...fields,
    ...(given.blocks ?? []).map(ofBlock),
    given.image_url ?? '',
    given.footer ? `_${given.footer}_` : '',
  ])
  return parts === '' ? (given.fallback ?? '') : parts
}

/** Slack's own marks as Markdown's. */
function mrkdwn(given: string): string {
  return given
    .replace(/<!(here|channel|everyone)(?:\|[^>\n]{0,200})?>/g, '@$1')
    .replace(/<[@#!][^>|\n]{1,200}\|([^>\n]{1,200})>/g, '$1')
    .replace(/<[@#!]([^>|\n]{1,200})>/g, '$1')
    .replace(
      /<((?:https?|mailto):[^>|\s]{1,2000})\|([^>\n]{1,500})>/g,
      (_, url: string, label: string) => `[${label.replace(/[[\]]/g, '')}](${url})`,
    )
    .replace(/(?<![\w*])\*([^\s*](?:[^*\n]{0,1000}[^\s*])?)\*(?![\w*])/g, '**$1**')
    .replace(/(?<![\w~])~([^\s~](?:[^~\n]{0,1000}[^\s~])?)~(?![\w~])/g, '~~$1~~')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
