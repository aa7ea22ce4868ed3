/** The body of a post, whoever it was written for. */
import * as z from 'zod'
import type { WebhookPost } from '../../../homeserver/core/webhooks.ts'
import { badJson, MatrixError, notJson, tooLarge } from '../../../homeserver/core/errors.ts'
import { discordBody, sayOfDiscord } from './discord.ts'
import type { Said } from './said.ts'
import { sayOfSlack, slackBody } from './slack.ts'

/** Characters. With its HTML and all else it has to fit into an event. */
const MAX_TEXT = 12_000

const utf8 = new TextDecoder('utf-8', { fatal: true })

const ownBody = z.looseObject({
  text: z.string(),
  username: z.string().nullish(),
  avatar_url: z.string().nullish(),
  icon_url: z.string().nullish(),
})

export interface Post extends Said {
  /** Whether the text is Markdown, or to be shown as it is. */
  readonly isMarkdown: boolean
}

/** Throws `MatrixError` that says what does not fit. */
export function readPost(post: Pick<WebhookPost, 'contentType' | 'body' | 'dialect'>): Post {
  const said = readSaid(post)
  if (said.markdown.trim() === '') throw badJson('There is nothing to say')
  if (said.markdown.length > MAX_TEXT) throw tooLarge(`The text is over ${MAX_TEXT} characters`)
  return said
}

function readSaid({ contentType, body, dialect }: Pick<WebhookPost, 'contentType' | 'body' | 'dialect'>): Post {
  if (contentType.startsWith('multipart/')) throw new MatrixError(415, 'M_NOT_JSON', 'Files are not taken: post JSON')
  const text = textOf(body)
  if (contentType === 'application/x-www-form-urlencoded') return ofForm(text, dialect)
  const isJson = contentType.endsWith('json') || dialect !== undefined || /^\s*\{/.test(text)
  return isJson ? ofJson(text, dialect) : plain(text)
}

const plain = (text: string): Post => ({ markdown: text, name: undefined, avatar: undefined, isMarkdown: false })

/** Slack's programs post `payload=JSON`; `curl -d hello` says that it is a form and is none. */
function ofForm(text: string, dialect: WebhookPost['dialect']): Post {
  const form = new URLSearchParams(text)
  const payload = form.get('payload') ?? form.get('payload_json')
  if (payload !== null) return ofJson(payload, dialect ?? 'slack')
  const said = form.get('text')
  if (said !== null) return { ...plain(said), name: form.get('username') ?? undefined }
  return plain(text)
}

function ofJson(text: string, dialect: WebhookPost['dialect']): Post {
  const value = parsed(text)
  const has = (...keys: string[]): boolean =>
    typeof value === 'object' && value !== null && keys.some((key) => Object.hasOwn(value, key))
  if (dialect === 'discord' || (dialect === undefined && has('content', 'embeds'))) {
    return { ...sayOfDiscord(fitting(discordBody, value)), isMarkdown: true }
  }
  if (dialect === 'slack' || has('blocks', 'attachments')) {
    return { ...sayOfSlack(fitting(slackBody, value)), isMarkdown: true }
  }
  const { text: markdown, username, avatar_url: avatar, icon_url: icon } = fitting(ownBody, value)
  return { markdown, name: username ?? undefined, avatar: avatar ?? icon ?? undefined, isMarkdown: true }
}

function textOf(body: Buffer): string {
  try {
    return utf8.decode(body).replaceAll('\0', '')
  } catch {
    throw notJson('The body is not UTF-8')
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notJson('The body is not JSON')
  }
}

function fitting<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { data, error } = schema.safeParse(value)
  if (data !== undefined) return data
  const { path = [], message = '' } = error?.issues[0] ?? {}
  throw badJson(
    `${path.map(String).join('.') || 'The body'}: ${message}. It needs text, content, embeds, attachments or blocks`,
  )
}
