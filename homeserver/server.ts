/**
 * The composition root: builds storage, services and listeners in order, and takes them down in reverse.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from './config/schema.ts'
import type { Signer, SigningKey } from './core/signing.ts'
import { compose } from './compose.ts'
import { readRegistrations } from './domain/accounts/registration-files.ts'
import { openDatabase } from './open-database.ts'
import { openOutgoing } from './outgoing.ts'
import { openTracing } from './open-tracing.ts'
import { limitsOf } from './http/limits.ts'
import { trustedProxies } from './http/client-address.ts'
import { endpointsOf } from './http/endpoints.ts'
import { type Certificate, listen, type Listening, type ListenOptions } from './http/listener.ts'
import { metricsHandler } from './http/metrics.ts'
import { RateLimiter } from './http/rate-limit.ts'
import { createApp } from './http/router.ts'
import { UnreadAnswers } from './http/unread-answers.ts'
import { sfuTunnel } from './http/sfu-tunnel.ts'
import type { Services } from './http/services.ts'
import { type Bus, MemoryBus } from './platform/bus.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { createDns, type Dns } from './platform/dns.ts'
import type { Fetcher } from './platform/fetch.ts'
import { Background, Supervisor } from './platform/lifecycle.ts'
import { logger } from './platform/log.ts'
import { Metrics } from './platform/metrics.ts'
import { collectProcessMetrics } from './platform/process-metrics.ts'
import type { Tracing } from './platform/tracing.ts'
import type { Database } from './storage/database.ts'
import { checkHighWater, HighWater } from './storage/high-water.ts'
import { migrate, type MigrationReport } from './storage/migrate.ts'
import { Streams } from './storage/streams.ts'
import { startMusic, withMusic } from './music.ts'
import { bridgeConfigOf, startTelegram, withTelegram } from './telegram.ts'
import { startWebhooks, withWebhooks } from './webhooks.ts'

const log = logger('server')

/** How long requests at work may go on when the server stops: what is left of its 15 s is for what is behind them. */
const GRACE_MS = 8_000

export interface ServerParts {
  /** The first signs; the others did before it. */
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]]
  readonly clock?: Clock
  readonly bus?: Bus
  readonly dns?: Dns
  /** The program `livekit-server`, where calls may go through one of our own. */
  readonly livekit?: string | undefined
  /** The program `ffmpeg`, by which the music bot plays more kinds of files. */
  readonly ffmpeg?: string | undefined
}

/** What every service may be built from. */
export interface Foundation {
  readonly config: Config
  readonly clock: Clock
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly background: Background
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly dns: Dns
  readonly livekit: string | undefined
  /** For everything that goes out over HTTP. */
  readonly fetch: Fetcher
  readonly signer: Signer
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]]
}

export class Server implements AsyncDisposable {
  readonly schema: MigrationReport
  readonly services: Services
  readonly background: Background
  readonly #listeners: readonly Listening[]
  readonly #stopping: AbortController
  readonly #resources: AsyncDisposableStack
  readonly #config: Config
  readonly #limiter: RateLimiter

  private constructor(parts: {
    config: Config
    schema: MigrationReport
    services: Services
    background: Background
    listeners: readonly Listening[]
    stopping: AbortController
    resources: AsyncDisposableStack
    limiter: RateLimiter
  }) {
    this.#config = parts.config
    this.schema = parts.schema
    this.services = parts.services
    this.background = parts.background
    this.#listeners = parts.listeners
    this.#stopping = parts.stopping
    this.#resources = parts.resources
    this.#limiter = parts.limiter
  }

  /** Migrates, starts every service, listens. On failure everything opened so far is closed again. */
  static async start(
    given: Config,
    {
      signingKeys,
      clock = systemClock,
      bus = new MemoryBus(),
      dns = createDns({ clock }),
      livekit,
      ffmpeg,
    }: ServerParts,
  ): Promise<Server> {
    await using opening = new AsyncDisposableStack()
    const config = await withMusic(await withWebhooks(await withTelegram(given)))
    const metrics = new Metrics()
    opening.defer(collectProcessMetrics(metrics))
    const tracing = opening.use(await openTracing(config, { metrics }))
    const database = await openDatabase(config, { tracing })
    opening.defer(() => database.close())
    await database.takeOver()
    const schema = await migrate(database)
    const highWater = join(config.data_dir, 'high_water.json')
    await checkHighWater(database, highWater)
    const streams = await Streams.open(database, bus, { clock })
    const background = new Background({ clock })
    const fetch = await openOutgoing(config, { dns, clock })
    opening.defer(() => fetch.close())
    const signer = { serverName: config.server_name, key: signingKeys[0] }
    const foundation = {
      config,
      clock,
      metrics,
      tracing,
      background,
      database,
      bus,
      streams,
      dns,
      livekit,
      fetch,
      signer,
      signingKeys,
    }
    const { services, authenticator, serverAuthenticator, runnable } = await compose(foundation)
    const supervisor = new Supervisor({ clock })
    opening.defer(() => supervisor.stop())
    await supervisor.start([new HighWater({ database, bus, clock, path: highWater }), background, ...runnable])

    const stopping = new AbortController()
    const limiter = new RateLimiter({ clock, limits: limitsOf(config.limits.preset) })
    const proxies = trustedProxies(config.listen.trusted_proxies)
    const app = createApp({
      endpoints: endpointsOf(config, { hasCalls: services.calls !== undefined }),
      services,
      authenticator,
      serverAuthenticator,
      limiter,
      metrics,
      tracing,
      trustedProxies: proxies,
      unread: new UnreadAnswers({ directory: config.data_dir, metrics }),
      stopping: stopping.signal,
    })
    const handle = app.callback()
    const upgrade = sfuTunnel({
      target: services.calls?.tunnelTo,
      trustedProxies: proxies,
      stopping: stopping.signal,
    })
    const listeners: Listening[] = []
    opening.defer(async () => void (await Promise.all(listeners.map((listening) => listening.close(GRACE_MS)))))
    for (const options of await listenersOf(config)) {
      const listening = await listen((request, response) => void handle(request, response), { ...options, upgrade })
      listeners.push(listening)
    }
    if (config.metrics.listen) {
      const listening = await listen(metricsHandler(metrics), config.metrics.listen)
      opening.defer(() => listening.close(0))
    }
    const homeserverUrl = `http://${loopbackOf(config.listen.host)}:${listeners[0]?.port}`
    const bridge = await bridgeConfigOf(config, homeserverUrl)
    if (bridge && config.telegram.run === 'embedded') {
      const { telegramUpdates: door } = services
      opening.defer(startTelegram(bridge, { database, clock, metrics, tracing, door }))
    }
    if (config.webhooks === 'on') {
      const { webhooks: door } = services
      opening.defer(await startWebhooks(config, { homeserverUrl, database, clock, metrics, tracing, door, fetch }))
    }
    if (config.calls.music === 'on') {
      opening.defer(await startMusic(config, { homeserverUrl, clock, metrics, ffmpeg }))
    }
    const resources = opening.move()
    log.debug({ ports: listeners.map(({ port }) => port) }, 'listening')
    return new Server({ config, schema, services, background, listeners, stopping, resources, limiter })
  }

  /** The port of the plain HTTP listener. */
  get port(): number {
    return this.#listeners[0]?.port ?? this.#config.listen.port
  }

  /** The port of the listener with the server's own certificate, if there is one. */
  get tlsPort(): number | undefined {
    return this.#listeners[1]?.port
  }

  /**
   * Takes up what may change while the server runs, which is what the schema marks so, and reads the certificate again.
   * Throws where it could not have started so, and then goes on as it was.
   */
  async reload(given: Partial<Pick<Config, 'appservices' | 'federation' | 'limits' | 'tls'>>): Promise<void> {
    const running = this.#config
    const { appservices, federation, limits, tls } = await withMusic(
      await withWebhooks(await withTelegram({ ...running, ...given })),
    )
    const [registrations, certificate] = await Promise.all([
      readRegistrations(appservices),
      readCertificate({ ...tls, mode: running.tls.mode }),
    ])
    if (certificate) for (const listener of this.#listeners) listener.certify(certificate)
    this.services.appservices.reload(registrations)
    this.services.serverFilter.reload({ ...federation, mode: running.federation.mode })
    this.#limiter.reload(limitsOf(limits.preset))
    await this.services.registration.addSenders()
  }

  /** Resolves when no background work is left: what tests call instead of sleeping. */
  async settle(): Promise<void> {
    await this.background.settle()
  }

  /** Long polls answer at once, requests at work are finished, then everything is closed. May be called twice. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('The server stops'))
    await this.#resources.disposeAsync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

async function listenersOf({ listen: { host, port }, tls }: Config): Promise<ListenOptions[]> {
  const plain = { host, port }
  const certificate = await readCertificate(tls)
  return certificate ? [plain, { host, port: tls.port, tls: certificate }] : [plain]
}

async function readCertificate(tls: Config['tls']): Promise<Certificate | undefined> {
  if (tls.mode !== 'files' || tls.cert === undefined || tls.key === undefined) return undefined
  const [cert, key] = await Promise.all([readFile(tls.cert), readFile(tls.key)])
  return { cert, key }
}

/** Where this process reaches its own listener. */
const loopbackOf = (host: string): string =>
  host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
