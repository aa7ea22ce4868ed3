/** What programs post becomes a message of the webhook's own user. */
import { createHash, randomUUID } from 'node:crypto'
import { LimitExceeded, MatrixError, notFound } from '../../homeserver/core/errors.ts'
import type { WebhookPost } from '../../homeserver/core/webhooks.ts'
import type { Content } from '../appservice/event.ts'
import { type Homeserver, RefusedError } from '../appservice/homeserver.ts'
import { cleanName } from '../appservice/names.ts'
import type { Avatars } from './avatars.ts'
import { localpartOf, type WebhookParts } from './config.ts'
import { type Post, readPost } from './format/body.ts'
import { escapeHtml, markdownToHtml } from './format/markdown.ts'
import type { Rate } from './rate.ts'
import { isSecret } from './secrets.ts'
import { findHook, type Hook, noteUse } from './store/hooks.ts'

/** What an event may hold, less what is around the content. */
const MAX_CONTENT = 60_000
const MAX_NAME = 80
const MAX_MENTIONED = 20
/** Compared with where there is no such webhook, so that both take as long. */
const NO_HASH = '0'.repeat(64)

export class Incoming {
  readonly #parts: WebhookParts
  readonly #homeserver: Homeserver
  readonly #avatars: Avatars
  readonly #rate: Rate

  constructor(parts: WebhookParts & { homeserver: Homeserver; avatars: Avatars; rate: Rate }) {
    this.#parts = parts
    this.#homeserver = parts.homeserver
    this.#avatars = parts.avatars
    this.#rate = parts.rate
  }

  /** Gives the event's id when the message is in the room. Throws `MatrixError`. */
  async take(post: WebhookPost): Promise<string> {
    try {
      const eventId = await this.#take(post)
      this.#parts.counted.inc({ direction: 'in', result: 'posted' })
      return eventId
    } catch (error) {
      this.#parts.counted.inc({ direction: 'in', result: error instanceof LimitExceeded ? 'limited' : 'refused' })
      throw error
    }
  }

  async #take(post: WebhookPost): Promise<string> {
    const { database, clock } = this.#parts
    const hook = await findHook(database, post.hookId)
    if (!isSecret(post.secret, hook?.secret_hash ?? NO_HASH) || !hook) throw notFound('There is no such webhook')
    this.#rate.take(hook.hook_id)
    const content = await this.#contentOf(hook, readPost(post))
    const eventId = await this.#say(hook, content, txnIdOf(post))
    await database.transaction('webhook used', (tx) => noteUse(tx, hook.hook_id, clock.now()))
    return eventId
  }

  async #say({ hook_id: hookId, room_id: roomId }: Hook, content: Content, txnId: string): Promise<string> {
    const userId = this.#homeserver.userOf(localpartOf(hookId))
    try {
      return await this.#homeserver.send(userId, roomId, content, txnId)
    } catch (error) {
      if (!(error instanceof RefusedError)) throw new MatrixError(503, 'M_UNKNOWN', 'Not said', { cause: error })
      throw new MatrixError(error.status, error.errcode, error.message)
    }
  }

  async #contentOf(hook: Hook, post: Post): Promise<Content> {
    const name = cleanName((post.name ?? '').replace(/\s+/g, ' ').trim(), MAX_NAME)
    const avatar = post.avatar ? await this.#avatars.of(post.avatar) : undefined
    const isNamed = name !== '' && name !== hook.name
    const text = post.markdown
    const html = post.isMarkdown ? markdownToHtml(text) : undefined
    const content = {
      msgtype: 'm.text',
      body: isNamed ? `${name}: ${text}` : text,
      'm.mentions': hook.may_mention === 1 ? mentionsIn(text) : {},
      ...(isNamed || avatar !== undefined ? profile(hook, isNamed ? name : hook.name, avatar, isNamed) : {}),
    }
    if (html === undefined && !isNamed) return content
    const shown = html ?? escapeHtml(text).replaceAll('\n', '<br>')
    const prefix = isNamed ? `<strong data-mx-profile-fallback>${escapeHtml(name)}: </strong>` : ''
    const formatted = { ...content, format: 'org.matrix.custom.html', formatted_body: prefix + shown }
    return Buffer.byteLength(JSON.stringify(formatted)) <= MAX_CONTENT ? formatted : content
  }
}

/**
 * Apps that know it show the message as theirs, and others the name before the text.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4144
 */
function profile({ hook_id: id }: Hook, name: string, avatar: string | undefined, hasFallback: boolean): Content {
  return {
    'com.beeper.per_message_profile': {
      id: `${id}.${name}`,
      displayname: name,
      ...(avatar === undefined ? {} : { avatar_url: avatar }),
      has_fallback: hasFallback,
    },
  }
}

function mentionsIn(text: string): Content {
  const users = [...text.matchAll(/(?<![\w/])@[\w.=/+-]{1,200}:[\w.-]{1,200}(?::\d{1,5})?/g)].map(([userId]) => userId)
  return {
    ...(/(?<!\w)@(?:room|here|channel|everyone)\b(?!:)/.test(text) ? { room: true } : {}),
    ...(users.length > 0 ? { user_ids: [...new Set(users)].slice(0, MAX_MENTIONED) } : {}),
  }
}

/** With a name of the sender's the same message comes once, however often it is posted. */
function txnIdOf({ hookId, deliveryId }: WebhookPost): string {
  const name = deliveryId === undefined ? randomUUID() : createHash('sha256').update(deliveryId).digest('base64url')
  return `webhook.${hookId}.${name}`
}
