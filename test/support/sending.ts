/** The heart of a server with its outbox, and other servers that are only a function. */
import { parseJson } from '../../homeserver/core/canonical-json.ts'
import type { JsonObject } from '../../homeserver/core/event.ts'
import type { ServerName } from '../../homeserver/core/ids.ts'
import type { FederationCall } from '../../homeserver/domain/federation/client.ts'
import { Destinations } from '../../homeserver/domain/federation/destinations.ts'
import { refusedBy, unusable } from '../../homeserver/domain/federation/federation-error.ts'
import { Outbox } from '../../homeserver/domain/federation/outbox.ts'
import { RoomServers } from '../../homeserver/domain/federation/room-servers.ts'
import { FederationSender } from '../../homeserver/domain/federation/sender.ts'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { Metrics } from '../../homeserver/platform/metrics.ts'
import { Heart, serverName } from './heart.ts'

export interface Delivery {
  readonly destination: ServerName
  readonly txnId: string
  readonly pdus: readonly JsonObject[]
  readonly edus: readonly JsonObject[]
  /** By the clock. */
  readonly at: number
}

/** What a server does with a transaction: takes it, does not answer, answers with a status, or takes it and the answer is lost. */
export type Behaviour = 'takes' | 'down' | 'lost' | number | ((delivery: Delivery) => 'takes' | number)

export class Sending implements AsyncDisposable {
  readonly clock: FakeClock
  readonly heart: Heart
  readonly outbox: Outbox
  readonly sender: FederationSender
  readonly destinations: Destinations
  readonly metrics = new Metrics()
  /** All attempts, and those that arrived. */
  readonly tried: Delivery[] = []
  readonly taken: Delivery[] = []
  readonly behaviour = new Map<ServerName, Behaviour>()
  readonly #abort = new AbortController()

  private constructor(heart: Heart, outbox: Outbox, clock: FakeClock) {
    this.clock = clock
    this.heart = heart
    this.outbox = outbox
    this.destinations = new Destinations({ clock })
    this.sender = new FederationSender({
      database: heart.database,
      clock,
      metrics: this.metrics,
      client: { put: (destination, path, call) => this.#answer(destination, path, call) },
      destinations: this.destinations,
      outbox,
      serverName,
      random: () => 0.5,
    })
  }

  /** On a database that may have been used before. `down` are servers that do not answer from the start. */
  static async open(
    url: string,
    { clock = new FakeClock(), down = [] as readonly ServerName[] } = {},
  ): Promise<Sending> {
    let outbox: Outbox | undefined
    const heart = await Heart.open(url, {
      clock,
      companions: async ({ database, members, bus, partialRooms }) => {
        const roomServers = new RoomServers({ members, bus, partialRooms })
        const mayTalkTo = (server: ServerName): boolean => server !== 'denied.test'
        outbox = await Outbox.open({ database, members, roomServers, serverName, mayTalkTo, clock })
        return [outbox]
      },
    })
    if (!outbox) throw new Error('the heart has no companions')
    const sending = new Sending(heart, outbox, clock)
    for (const server of down) sending.behaviour.set(server, 'down')
    await sending.sender.start(sending.#abort.signal)
    return sending
  }

  /** Turns the clock in steps until it is so. In between everything is done that does not wait for the clock. */
  async until(isSo: () => boolean, stepMs = 50): Promise<void> {
    for (;;) {
      await this.sender.settle()
      if (isSo()) return
      await this.clock.advance(stepMs)
    }
  }

  /** The bodies of messages that have arrived somewhere, in their order. */
  messagesAt(destination: ServerName): unknown[] {
    return this.taken
      .filter((delivery) => delivery.destination === destination)
      .flatMap(({ pdus }) => pdus)
      .filter(({ type }) => type === 'm.room.message')
      .map(({ content }) => (content as JsonObject)['body'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error('The test ends'))
    await this.sender.stop()
    await this.heart[Symbol.asyncDispose]()
  }

  #answer(destination: ServerName, path: string, { bodyText = '' }: FederationCall = {}): Promise<JsonObject> {
    const { pdus, edus } = parseJson(bodyText) as { pdus: JsonObject[]; edus: JsonObject[] } & JsonObject
    const txnId = decodeURIComponent(path.split('/').at(-1) ?? '')
    const delivery = { destination, txnId, pdus, edus, at: this.clock.now() }
    this.tried.push(delivery)
    const given = this.behaviour.get(destination) ?? 'takes'
    const behaviour = typeof given === 'function' ? given(delivery) : given
    if (behaviour === 'takes' || behaviour === 'lost') this.taken.push(delivery)
    if (behaviour === 'takes') return Promise.resolve({ pdus: {} })
    const isStatus = typeof behaviour === 'number'
    return Promise.reject(isStatus ? refusedBy(destination, behaviour, {}) : unusable(destination, 'is down'))
  }
}
