/** The homeserver, asked as the bot or as one of the users that speak for webhooks. */
import type { WebhookConfig } from './config.ts'

export type Content = Record<string, unknown>

export class RefusedError extends Error {
  override name = 'RefusedError'
  readonly status: number
  readonly errcode: string

  constructor(status: number, errcode: string, message: string) {
    super(message)
    this.status = status
    this.errcode = errcode
  }
}

type HomeserverConfig = Pick<WebhookConfig, 'homeserverUrl' | 'serverName' | 'registration'>

const TIMEOUT_MS = 30_000
const encoded = encodeURIComponent

export class Homeserver {
  readonly bot: string
  readonly #config: HomeserverConfig

  constructor(config: HomeserverConfig) {
    this.#config = config
    this.bot = `@${config.registration.sender_localpart}:${config.serverName}`
  }

  userOf(hookId: string): string {
    return `@webhook_${hookId}:${this.#config.serverName}`
  }

  isOurs(userId: string): boolean {
    return userId === this.bot || (userId.startsWith('@webhook_') && this.isLocal(userId))
  }

  isLocal(userId: string): boolean {
    return userId.slice(userId.indexOf(':') + 1) === this.#config.serverName
  }

  /** Makes the user of a webhook, with this name. It may be there already. */
  async makeUser(hookId: string, name: string): Promise<void> {
    const body = { type: 'm.login.application_service', username: `webhook_${hookId}`, inhibit_login: true }
    try {
      await this.request('POST', '/_matrix/client/v3/register', body)
    } catch (error) {
      if (!(error instanceof RefusedError && error.errcode === 'M_USER_IN_USE')) throw error
    }
    const userId = this.userOf(hookId)
    await this.request(
      'PUT',
      `/_matrix/client/v3/profile/${encoded(userId)}/displayname`,
      { displayname: name },
      userId,
    )
  }

  /** Into a room in which the bot is; where that needs an invitation, the bot gives it. */
  async join(userId: string, roomId: string): Promise<void> {
    try {
      await this.member(userId, roomId, 'join')
    } catch (error) {
      if (!(error instanceof RefusedError && error.errcode === 'M_FORBIDDEN')) throw error
      await this.member(this.bot, roomId, 'invite', userId)
      await this.member(userId, roomId, 'join')
    }
  }

  async member(as: string, roomId: string, action: 'join' | 'leave' | 'invite', userId?: string): Promise<void> {
    const body = userId === undefined ? {} : { user_id: userId }
    await this.request('POST', `/_matrix/client/v3/rooms/${encoded(roomId)}/${action}`, body, as)
  }

  async send(as: string, roomId: string, content: Content, txnId: string): Promise<string> {
    const path = `/_matrix/client/v3/rooms/${encoded(roomId)}/send/m.room.message/${encoded(txnId)}`
    return String((await this.request('PUT', path, content, as))['event_id'])
  }

  async notice(roomId: string, body: string, txnId: string, replyTo?: string): Promise<void> {
    const relation = replyTo === undefined ? {} : { 'm.relates_to': { 'm.in_reply_to': { event_id: replyTo } } }
    await this.send(this.bot, roomId, { msgtype: 'm.notice', body, 'm.mentions': {}, ...relation }, txnId)
  }

  async createRoom(options: Content): Promise<string> {
    return String((await this.request('POST', '/_matrix/client/v3/createRoom', options))['room_id'])
  }

  /** All state of a room in which the bot is. */
  async state(roomId: string): Promise<StateEvent[]> {
    const answer: unknown = await this.request('GET', `/_matrix/client/v3/rooms/${encoded(roomId)}/state`)
    return answer as StateEvent[] // an array, by the specification
  }

  async upload(bytes: Buffer, type: string): Promise<string> {
    return String((await this.#ask('POST', '/_matrix/media/v3/upload?', this.bot, type, bytes))['content_uri'])
  }

  /** Throws `RefusedError` for what the homeserver will not do. */
  async request(
    method: string,
    path: string,
    body?: Content,
    as: string = this.bot,
    query: Readonly<Record<string, string>> = {},
  ): Promise<Content> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return await this.#ask(method, `${path}?${new URLSearchParams(query).toString()}`, as, 'application/json', text)
  }

  /** `path` ends in a query. */
  async #ask(method: string, path: string, as: string, type: string, body?: string | Buffer): Promise<Content> {
    const { homeserverUrl, registration } = this.#config
    const url = `${homeserverUrl}${path}&user_id=${encoded(as)}`
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${registration.as_token}`, 'content-type': type },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
    })
    const answer = (await response.json()) as Content
    if (response.ok) return answer
    throw new RefusedError(response.status, String(answer['errcode']), String(answer['error']))
  }
}

export interface StateEvent {
  readonly type: string
  readonly state_key: string
  readonly sender: string
  readonly content: Content
}
