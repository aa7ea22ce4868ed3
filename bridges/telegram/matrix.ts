/**
 * The homeserver, by the bridge SDK: its Intents register users and act as them. Messages are sent with transaction ids of
 * our own, so that sending again never makes a second one.
 */
import type { Bridge } from 'matrix-appservice-bridge'
import type { MediaLinkAnswer } from '../../homeserver/core/telegram-login.ts'
import type { Content } from '../appservice/event.ts'
import { stringOf } from '../appservice/json.ts'
import type { StateEvent } from '../appservice/powers.ts'
import type { BridgeConfig } from './config.ts'
import type { BridgeMetrics } from './metrics.ts'

/** Errcode of a refusal, or undefined for what is not one. */
export const errcodeOf = (error: unknown): string | undefined => (error as { errcode?: string } | undefined)?.errcode

/** Whether the homeserver is none of ours, and has no paths for the bridge alone. */
export const isElsewhere = (error: unknown): boolean =>
  errcodeOf(error) === 'M_UNRECOGNIZED' || (error as { statusCode?: number } | undefined)?.statusCode === 404

/** What the homeserver will say again, however often it is asked. */
export function isRefusal(error: unknown): boolean {
  if (errcodeOf(error) === undefined) return false
  const status = (error as { statusCode?: number }).statusCode ?? 500
  return status >= 400 && status < 500 && status !== 429
}

/** The homeserver has no such file, and gets none. */
export class MediaGoneError extends Error {
  override name = 'MediaGoneError'
}

const encoded = encodeURIComponent
/** Of a room's name, in characters: people may make it as long as they like. */
const MAX_NAME = 100

/** In what the bridge says as a person, so that it is not taken for something that they said in Matrix. */
export const puppetKey = 'org.domovoi.double_puppet_source'

export class Matrix {
  readonly botUserId: string
  readonly #bridge: Bridge
  readonly #config: BridgeConfig
  readonly #metrics: BridgeMetrics | undefined
  readonly #registered = new Set<string>()

  private constructor(bridge: Bridge, config: BridgeConfig, metrics: BridgeMetrics | undefined) {
    this.#metrics = metrics
    this.#bridge = bridge
    this.#config = config
    this.botUserId = `@${config.registration.sender_localpart}:${config.serverName}`
  }

  /** Loads the SDK, which needs 90 MB: only a server with a bridge pays for it. */
  static async open(config: BridgeConfig, metrics?: BridgeMetrics): Promise<Matrix> {
    const { AppServiceRegistration, Bridge, Logger } = await import('matrix-appservice-bridge')
    Logger.configure({ console: 'off' })
    const bridge = new Bridge({
      homeserverUrl: config.homeserverUrl,
      domain: config.serverName,
      registration: AppServiceRegistration.fromObject(structuredClone(config.registration) as never), // its type is not readonly
      disableStores: true,
      suppressEcho: false,
      escapeUserIds: false,
      logRequestOutcome: false,
      intentOptions: {
        clients: { dontCheckPowerLevel: true, dontJoin: true },
        bot: { dontCheckPowerLevel: true, dontJoin: true },
      },
      controller: { onEvent: () => undefined },
    })
    await bridge.initialise()
    const matrix = new Matrix(bridge, config, metrics)
    await matrix.ensureRegistered(matrix.botUserId)
    return matrix
  }

  async close(): Promise<void> {
    await this.#bridge.close()
  }

  ghostOf(id: number | string): string {
    return `@telegram_${id}:${this.#config.serverName}`
  }

  /** The Telegram id of a ghost of ours: digits, or `channel_` and digits. */
  telegramIdOf(userId: string): string | undefined {
    const [, id, server] = /^@telegram_((?:channel_)?\d+):(.+)$/.exec(userId) ?? []
    return server === this.#config.serverName ? id : undefined
  }

  /** Whether events of this user are what we have sent ourselves. */
  isOurs(userId: string): boolean {
    return userId === this.botUserId || this.telegramIdOf(userId) !== undefined
  }

  isLocal(userId: string): boolean {
    return userId.endsWith(`:${this.#config.serverName}`)
  }

  /** https://spec.matrix.org/v1.19/appendices/#matrixto-navigation */
  permalink(roomId: string, eventId: string): string {
    return `https://matrix.to/#/${encoded(roomId)}/${encoded(eventId)}?via=${this.#config.serverName}`
  }

  roomLink(roomId: string): string {
    return `https://matrix.to/#/${encoded(roomId)}?via=${this.#config.serverName}`
  }

  /** A room for somebody who does not know it: what it calls itself, and where it is. */
  async describe(roomId: string): Promise<string> {
    const name = stringOf((await this.state(roomId, 'm.room.name'))?.['name']) ?? ''
    const line = name.replace(/\s+/g, ' ').trim().slice(0, MAX_NAME)
    return line === '' ? this.roomLink(roomId) : `${line} (${this.roomLink(roomId)})`
  }

  /** `alias` without its server. */
  aliasLink(alias: string): string {
    return `https://matrix.to/#/${encoded(`#${alias}:${this.#config.serverName}`)}`
  }

  async ensureRegistered(userId: string): Promise<void> {
    if (this.#registered.has(userId)) return
    await this.#bridge.getIntent(userId).ensureRegistered()
    if (this.#registered.size > 10_000) this.#registered.clear()
    this.#registered.add(userId)
  }

  async send(
    userId: string,
    {
      roomId,
      type,
      content,
      txnId,
      ts,
    }: { roomId: string; type: string; content: Content; txnId: string; ts?: number },
  ): Promise<string> {
    const path = `/_matrix/client/v3/rooms/${encoded(roomId)}/send/${encoded(type)}/${encoded(txnId)}`
    const said = this.isOurs(userId) ? content : { ...content, [puppetKey]: 'telegram' }
    const began = performance.now()
    const eventId = await this.#eventId(userId, 'PUT', path, said, ts === undefined ? {} : { ts })
    this.#metrics?.sent((performance.now() - began) / 1000)
    return eventId
  }

  async notice(roomId: string, body: string, txnId: string, replyTo?: string): Promise<string> {
    const relation = replyTo === undefined ? {} : { 'm.relates_to': { 'm.in_reply_to': { event_id: replyTo } } }
    const content = { msgtype: 'm.notice', body, 'm.mentions': {}, ...relation }
    return await this.send(this.botUserId, { roomId, type: 'm.room.message', content, txnId })
  }

  async redact(userId: string, roomId: string, eventId: string, txnId: string): Promise<void> {
    await this.request(
      userId,
      'PUT',
      `/_matrix/client/v3/rooms/${encoded(roomId)}/redact/${encoded(eventId)}/${encoded(txnId)}`,
      {},
    )
  }

  async senderOf(roomId: string, eventId: string): Promise<string> {
    return (await this.#event(roomId, eventId))['sender'] as string
  }

  async contentOf(roomId: string, eventId: string): Promise<Content> {
    return (await this.#event(roomId, eventId))['content'] as Content
  }

  async #event(roomId: string, eventId: string): Promise<Content> {
    const path = `/_matrix/client/v3/rooms/${encoded(roomId)}/event/${encoded(eventId)}`
    return await this.request(this.botUserId, 'GET', path)
  }

  /** All state of a room in which the bot is. */
  async allState(roomId: string): Promise<readonly StateEvent[]> {
    const state: unknown = await this.request(
      this.botUserId,
      'GET',
      `/_matrix/client/v3/rooms/${encoded(roomId)}/state`,
    )
    return state as StateEvent[] // an array, by the specification
  }

  /** The content of a state event, undefined where there is none. */
  async state(roomId: string, type: string, stateKey = ''): Promise<Content | undefined> {
    try {
      return await this.request(this.botUserId, 'GET', statePath(roomId, type, stateKey))
    } catch (error) {
      if (errcodeOf(error) === 'M_NOT_FOUND') return undefined
      throw error
    }
  }

  async setState(userId: string, roomId: string, type: string, content: Content, stateKey = ''): Promise<void> {
    await this.request(userId, 'PUT', statePath(roomId, type, stateKey), content)
  }

  /** As the bot, which may lack the power for it: then the room keeps what it has. */
  async trySetState(roomId: string, type: string, content: Content, stateKey = ''): Promise<void> {
    try {
      await this.setState(this.botUserId, roomId, type, content, stateKey)
    } catch (error) {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error
    }
  }

  async setMembership(userId: string, roomId: string, action: 'join' | 'leave'): Promise<void> {
    await this.request(userId, 'POST', `/_matrix/client/v3/rooms/${encoded(roomId)}/${action}`, {})
  }

  async ruleMember(roomId: string, userId: string, action: 'invite' | 'kick' | 'ban' | 'unban'): Promise<void> {
    await this.request(this.botUserId, 'POST', `/_matrix/client/v3/rooms/${encoded(roomId)}/${action}`, {
      user_id: userId,
    })
  }

  async createRoom(options: Content): Promise<string> {
    return (await this.request(this.botUserId, 'POST', '/_matrix/client/v3/createRoom', options))['room_id'] as string
  }

  async setProfile(userId: string, { name, avatar }: { name?: string; avatar?: string }): Promise<void> {
    const intent = this.#bridge.getIntent(userId)
    if (name !== undefined) await intent.setDisplayName(name)
    if (avatar !== undefined) await intent.setAvatarUrl(avatar)
  }

  async markRead(roomId: string, eventId: string): Promise<void> {
    await this.request(
      this.botUserId,
      'POST',
      `/_matrix/client/v3/rooms/${encoded(roomId)}/receipt/m.read/${encoded(eventId)}`,
      {},
    )
  }

  async upload(bytes: Buffer, type: string, name: string): Promise<string> {
    return await this.#bridge.getIntent().matrixClient.uploadContent(bytes, type, name)
  }

  /** Throws `RangeError` for what is larger than `maxUpload`, `MediaGoneError` for what is not there. */
  async download(mxc: string): Promise<{ bytes: Buffer; type: string }> {
    return await this.#fetchMedia('download', mxc, '')
  }

  /** A picture that is no wider and no higher than `size`. Throws as `download` does. */
  async thumbnail(mxc: string, size: number): Promise<{ bytes: Buffer; type: string }> {
    return await this.#fetchMedia('thumbnail', mxc, `?width=${size}&height=${size}&method=scale`)
  }

  async #fetchMedia(
    what: 'download' | 'thumbnail',
    mxc: string,
    query: string,
  ): Promise<{ bytes: Buffer; type: string }> {
    const [, server = '', id = ''] = /^mxc:\/\/([^/]+)\/([^/]+)$/.exec(mxc) ?? []
    const { homeserverUrl, registration, maxUpload } = this.#config
    const response = await fetch(
      `${homeserverUrl}/_matrix/client/v1/media/${what}/${encoded(server)}/${encoded(id)}${query}`,
      { headers: { authorization: `Bearer ${registration.as_token}` } },
    )
    if (!response.ok) {
      await response.body?.cancel()
      const problem = `the homeserver answered ${response.status} to a download`
      const isGone = response.status < 500 && response.status !== 429
      throw isGone ? new MediaGoneError(problem) : new Error(problem)
    }
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of response.body ?? []) {
      size += (chunk as Uint8Array).length
      if (size > maxUpload) throw new RangeError('larger than Telegram takes')
      chunks.push(chunk as Uint8Array)
    }
    return { bytes: Buffer.concat(chunks), type: response.headers.get('content-type') ?? 'application/octet-stream' }
  }

  /** Any other request, as this user. */
  async request(userId: string, method: string, path: string, body?: Content, query?: Content): Promise<Content> {
    const client = this.#bridge.getIntent(userId === this.botUserId ? undefined : userId).matrixClient
    return (await client.doRequest(method, path, query, body)) as Content
  }

  /** To the homeserver's own paths, as the bridge. */
  async internal(path: string, body: Content): Promise<Content> {
    return await this.request(this.botUserId, 'POST', `/_internal/telegram/${path}`, body)
  }

  /** Where people without an account get a file, undefined on other homeservers. */
  async mediaLink(mxc: string): Promise<string | undefined> {
    try {
      return ((await this.internal('media/link', { mxc })) as unknown as MediaLinkAnswer).url
    } catch (error) {
      if (errcodeOf(error) === 'M_UNRECOGNIZED') return undefined
      throw error
    }
  }

  async #eventId(userId: string, method: string, path: string, body: Content, query: Content): Promise<string> {
    return (await this.request(userId, method, path, body, query))['event_id'] as string
  }
}

const statePath = (roomId: string, type: string, stateKey: string): string =>
  `/_matrix/client/v3/rooms/${encoded(roomId)}/state/${encoded(type)}/${encoded(stateKey)}`
