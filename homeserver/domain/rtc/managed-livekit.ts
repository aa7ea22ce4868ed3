/**
 * Keeps a LiveKit server running on this machine, with a key and a configuration that nobody has to write. When it fails it
 * is started again, later each time; chat does not notice.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Counter, Gauge, Metrics } from '../../platform/metrics.ts'
import type { ApiKey } from './jwt.ts'
import { livekitConfig } from './livekit-config.ts'
import { freePort, type LivekitRun, runLivekit } from './run-livekit.ts'
import type { SfuPlace } from './sfu.ts'

const log = logger('livekit')

const READY_TRIES = 100
const READY_EVERY_MS = 100
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
/** Who has run so long has not failed at once: the pauses begin anew. */
const STEADY_MS = 60_000

/** Takes a webhook's body and its header `Authorization`; rejects what is not signed. */
export type TakeWebhook = (body: Buffer, authorization: string | undefined) => Promise<void>

export class ManagedLivekit implements Service, SfuPlace {
  readonly name = 'LiveKit'
  readonly publicUrl: string
  readonly key: ApiKey
  readonly #program: string
  readonly #config: Config
  readonly #clock: Clock
  readonly #fetch: Fetcher
  readonly #up: Gauge
  readonly #starts: Counter
  #takeWebhook: TakeWebhook = () => Promise.resolve()
  #webhooks: Server | undefined
  #webhookUrl = ''
  #port: number | undefined
  #run: LivekitRun | undefined
  #keeping: Promise<void> = Promise.resolve()

  constructor(parts: {
    program: string
    publicUrl: string
    key: ApiKey
    config: Config
    clock: Clock
    fetch: Fetcher
    metrics: Metrics
  }) {
    this.#program = parts.program
    this.publicUrl = parts.publicUrl
    this.key = parts.key
    this.#config = parts.config
    this.#clock = parts.clock
    this.#fetch = parts.fetch
    this.#up = parts.metrics.gauge('livekit_up', 'Whether the LiveKit server that we run is ready')
    this.#starts = parts.metrics.counter('livekit_starts_total', 'Starts of the LiveKit server that we run')
  }

  onWebhook(take: TakeWebhook): void {
    this.#takeWebhook = take
  }

  internalUrl(): string | undefined {
    return this.#port === undefined ? undefined : `http://127.0.0.1:${this.#port}`
  }

  /** Resolves once it is ready or has failed for the first time: the server does not wait for a sick SFU. */
  async start(signal: AbortSignal): Promise<void> {
    this.#webhooks = await listenOnLoopback((request, response) => void this.#receive(request, response))
    const { port } = this.#webhooks.address() as AddressInfo // it listens by host and port
    this.#webhookUrl = `http://127.0.0.1:${port}/`
    const tried = Promise.withResolvers<void>()
    this.#keeping = this.#keep(signal, tried.resolve)
    await tried.promise
  }

  async stop(): Promise<void> {
    await this.#run?.stop()
    await this.#keeping
    this.#webhooks?.close()
    this.#webhooks?.closeAllConnections()
  }

  async #keep(signal: AbortSignal, tried: () => void): Promise<void> {
    let pause = FIRST_PAUSE_MS
    while (!signal.aborted) {
      const began = this.#clock.monotonic()
      const said = await this.#live(signal, tried)
      tried()
      if (signal.aborted) return
      if (this.#clock.monotonic() - began > STEADY_MS) pause = FIRST_PAUSE_MS
      log.error({ said, pauseMs: pause }, 'LiveKit ended: no calls until it runs again')
      await this.#clock.sleep(pause, signal).catch(() => undefined) // that is the end
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    }
  }

  /** From start to end of one process; gives its last words. */
  async #live(signal: AbortSignal, ready: () => void): Promise<string> {
    this.#starts.inc()
    const httpPort = await freePort()
    const config = livekitConfig({ config: this.#config, key: this.key, httpPort, webhookUrl: this.#webhookUrl })
    const run = runLivekit(this.#program, config)
    this.#run = run
    let over = false
    const ended = run.ended.finally(() => {
      over = true
    })
    if (signal.aborted) void run.stop()
    const answers = await this.#answers(`http://127.0.0.1:${httpPort}`, () => over)
    if (answers) {
      this.#port = httpPort
      this.#up.set(1)
      log.info({ udpPort: this.#config.calls.udp_port, tcpPort: this.#config.calls.tcp_port }, 'LiveKit is ready')
      ready()
    } else {
      void run.stop()
    }
    const said = await ended
    this.#port = undefined
    this.#up.set(0)
    return answers ? said : `not ready in time: ${said}`
  }

  async #answers(url: string, isOver: () => boolean): Promise<boolean> {
    for (let tries = 0; tries < READY_TRIES && !isOver(); tries++) {
      const answer = await this.#fetch(url, { timeoutMs: 1_000 }).catch(() => undefined)
      if (answer?.status === 200) return true
      await this.#clock.sleep(READY_EVERY_MS)
    }
    return false
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      await this.#takeWebhook(Buffer.concat(chunks), request.headers.authorization)
      response.writeHead(200).end()
    } catch {
      response.writeHead(401).end()
    }
  }
}

/** Nobody on another machine reaches it; whoever is on this one still needs the key. */
async function listenOnLoopback(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
