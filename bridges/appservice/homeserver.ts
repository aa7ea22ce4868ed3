/** The homeserver, asked as the bot of an application service or as another of its users. */
import type { Content } from './event.ts'
import type { StateEvent } from './powers.ts'
import type { Registration } from './registration.ts'

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

export interface HomeserverConfig {
  readonly homeserverUrl: string
  readonly serverName: string
  readonly registration: Registration
}

const TIMEOUT_MS = 30_000
const encoded = encodeURIComponent

export class Homeserver {
  readonly bot: string
  readonly #config: HomeserverConfig

  constructor(config: HomeserverConfig) {
    this.#config = config
    this.bot = this.userOf(config.registration.sender_localpart)
  }

  userOf(localpart: string): string {
    return `@${localpart}:${this.#config.serverName}`
  }

  isLocal(userId: string): boolean {
    return userId.slice(userId.indexOf(':') + 1) === this.#config.serverName
  }

  /** Makes a user in the application service's own namespace. It may be there already. */
  async makeUser(localpart: string, name: string): Promise<void> {
    const body = { type: 'm.login.application_service', username: localpart, inhibit_login: true }
    try {
      await this.request('POST', '/_matrix/client/v3/register', body)
    } catch (error) {
      if (!(error instanceof RefusedError && error.errcode === 'M_USER_IN_USE')) throw error
    }
    await this.setName(name, this.userOf(localpart))
  }

  async setName(name: string, as: string = this.bot): Promise<void> {
    const path = `/_matrix/client/v3/profile/${encoded(as)}/displayname`
    await this.request('PUT', path, { displayname: name }, as)
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
