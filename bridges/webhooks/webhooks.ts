/** Webhooks: an application service within the server that says what programs post, and tells addresses what is said. */
import { logger } from '../../homeserver/platform/log.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import { Homeserver, RefusedError } from '../appservice/homeserver.ts'
import { Listener } from '../appservice/listener.ts'
import { Avatars } from './avatars.ts'
import { Commands } from './commands.ts'
import { localpartOf, type WebhookParts } from './config.ts'
import { Incoming } from './incoming.ts'
import { Outgoing } from './outgoing.ts'
import { PrivateChats } from './private-chats.ts'
import { Rate } from './rate.ts'
import { removeHooksOfRoom } from './store/hooks.ts'

const log = logger('webhooks')

export class Webhooks implements AsyncDisposable {
  readonly #parts: WebhookParts
  readonly #homeserver: Homeserver
  readonly #commands: Commands
  readonly #outgoing: Outgoing
  readonly #listener: Listener
  readonly #opened = new DisposableStack()

  private constructor(parts: WebhookParts) {
    const { config, database } = parts
    this.#parts = parts
    const homeserver = new Homeserver(config)
    this.#homeserver = homeserver
    this.#commands = new Commands({ ...parts, homeserver, chats: new PrivateChats({ homeserver, database }) })
    this.#outgoing = new Outgoing({ ...parts, homeserver })
    this.#listener = new Listener({
      hsToken: config.registration.hs_token,
      listen: { path: config.socket },
      log,
      tracing: parts.tracing,
      take: (events) => this.#take(events),
    })
  }

  /** Rejects where the homeserver is not there; nothing runs then. */
  static async start(parts: WebhookParts): Promise<Webhooks> {
    const webhooks = new Webhooks(parts)
    await webhooks.#start()
    log.info({ bot: webhooks.#homeserver.bot }, 'webhooks at work')
    return webhooks
  }

  async #start(): Promise<void> {
    const { door, clock } = this.#parts
    const homeserver = this.#homeserver
    await homeserver.setName('Webhooks')
    await this.#listener.start()
    await this.#outgoing.start()
    const avatars = new Avatars({ ...this.#parts, homeserver })
    const incoming = new Incoming({ ...this.#parts, homeserver, avatars, rate: new Rate(clock) })
    this.#opened.defer(door.open((post) => incoming.take(post)))
  }

  /** What is at work is finished; what waits stays in its table. */
  async stop(): Promise<void> {
    this.#opened.dispose()
    await this.#listener.stop()
    await this.#outgoing.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #take(events: readonly MatrixEvent[]): Promise<void> {
    for (const event of events) {
      if (event.type === 'm.room.member' && event.state_key === this.#homeserver.bot) await this.#membership(event)
      if (this.#isOurs(event.sender)) continue // else two webhooks could talk for ever
      await this.#outgoing.take(event)
      await this.#commands.take(event)
    }
  }

  #isOurs(userId: string): boolean {
    const { bot } = this.#homeserver
    return userId === bot || (userId.startsWith(`@${localpartOf('')}`) && this.#homeserver.isLocal(userId))
  }

  /** The bot comes where people of this server call it; where it is thrown out its webhooks are over. */
  async #membership({ sender, room_id: roomId, content }: MatrixEvent): Promise<void> {
    const { bot } = this.#homeserver
    if (content['membership'] === 'invite') {
      const action = this.#homeserver.isLocal(sender) ? 'join' : 'leave'
      await this.#homeserver.member(bot, roomId, action).catch((error: unknown) => {
        if (!(error instanceof RefusedError)) throw error // else the homeserver tells it again
        log.info({ roomId, problem: error.message }, 'invitation not followed')
      })
    }
    if (content['membership'] !== 'leave' && content['membership'] !== 'ban') return
    await this.#parts.database.transaction('webhooks of a room', (tx) => removeHooksOfRoom(tx, roomId))
  }
}
