/** The bot as a member of a room's call: what an app does to join it, and to leave. */
import type { Content } from '../appservice/event.ts'
import { type Homeserver, RefusedError } from '../appservice/homeserver.ts'
import { listOf, objectOf, stringOf } from '../appservice/json.ts'
import type { MusicConfig } from './config.ts'

const DEVICE = 'MUSIC'
export const memberType = 'org.matrix.msc3401.call.member'
/** The server keeps this leave back for as long as the SFU sees the bot. */
const LEAVE_DELAY_MS = 30_000
const EXPIRES_MS = 24 * 3_600_000
const encoded = encodeURIComponent

/** There are no calls, or none for the bot. */
export class NoCallError extends Error {
  override name = 'NoCallError'
}

export interface Entry {
  readonly url: string
  readonly jwt: string
}

export class Call {
  readonly #homeserver: Homeserver
  readonly #config: MusicConfig
  readonly #roomId: string
  #delayId: string | undefined

  constructor({ homeserver, config, roomId }: { homeserver: Homeserver; config: MusicConfig; roomId: string }) {
    this.#homeserver = homeserver
    this.#config = config
    this.#roomId = roomId
  }

  /** Shows the bot in the call, and gives what opens it. Throws `NoCallError`. */
  async join(): Promise<Entry> {
    try {
      const service = await this.#service()
      const { delay_id: delayId } = await this.#member({}, { 'org.matrix.msc4140.delay': `${LEAVE_DELAY_MS}` })
      this.#delayId = stringOf(delayId)
      const entry = await this.#token()
      await this.#member({
        application: 'm.call',
        call_id: '',
        scope: 'm.room',
        device_id: DEVICE,
        expires: EXPIRES_MS,
        'm.call.intent': 'audio',
        focus_active: { type: 'livekit', focus_selection: 'multi_sfu' },
        foci_preferred: [{ type: 'livekit', livekit_service_url: service, livekit_alias: this.#roomId }],
      })
      return entry
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      throw new NoCallError(error.message, { cause: error })
    }
  }

  /** When nobody is at the SFU any more the server sends the leave by itself; this is for what went wrong before. */
  async leave(): Promise<void> {
    const path = `/_matrix/client/unstable/org.matrix.msc4140/delayed_events/${encoded(this.#delayId ?? '')}/cancel`
    if (this.#delayId !== undefined) await this.#homeserver.request('POST', path, {}).catch(ifRefused)
    await this.#member({}).catch(ifRefused) // who is out of the room is out of its call
  }

  async #member(content: Content, query: Record<string, string> = {}): Promise<Content> {
    const key = encoded(`_${this.#homeserver.bot}_${DEVICE}_m.call`)
    const path = `/_matrix/client/v3/rooms/${encoded(this.#roomId)}/state/${memberType}/${key}`
    return await this.#homeserver.request('PUT', path, content, undefined, query)
  }

  async #service(): Promise<string> {
    const { rtc_transports: transports } = await this.#homeserver.request('GET', '/_matrix/client/v1/rtc/transports')
    const found = listOf(transports)
      .map(objectOf)
      .find(({ type }) => type === 'livekit')
    const url = stringOf(found?.['livekit_service_url'])
    if (url === undefined) throw new NoCallError('there is no SFU')
    return url
  }

  /** Of our own service, at the address by which this process reaches the homeserver. */
  async #token(): Promise<Entry> {
    const path = `/_matrix/client/v3/user/${encoded(this.#homeserver.bot)}/openid/request_token`
    const openIdToken = await this.#homeserver.request('POST', path, {})
    const { url, jwt } = await this.#homeserver.request('POST', '/livekit/jwt/sfu/get', {
      room: this.#roomId,
      openid_token: openIdToken,
      device_id: DEVICE,
      ...(this.#delayId === undefined ? {} : { delay_id: this.#delayId, delay_timeout: LEAVE_DELAY_MS }),
    })
    return { url: this.#config.sfuUrl ?? String(url), jwt: String(jwt) }
  }
}

const ifRefused = (error: unknown): void => {
  if (!(error instanceof RefusedError)) throw error
}
