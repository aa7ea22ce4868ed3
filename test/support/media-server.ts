/** The media endpoints on a database and a directory of their own; a token is the name of a user. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../homeserver/config/load.ts'
import type { Requester } from '../../homeserver/domain/accounts/requester.ts'
import type { RemoteMedia } from '../../homeserver/domain/media/media.ts'
import { openMedia } from '../../homeserver/domain/media/open-media.ts'
import { mediaEndpoints } from '../../homeserver/http/client/media.ts'
import { trustedProxies } from '../../homeserver/http/client-address.ts'
import { RateLimiter } from '../../homeserver/http/rate-limit.ts'
import { createApp } from '../../homeserver/http/router.ts'
import { UnreadAnswers } from '../../homeserver/http/unread-answers.ts'
import type { Services } from '../../homeserver/http/services.ts'
import { type Clock, systemClock } from '../../homeserver/platform/clock.ts'
import { Supervisor } from '../../homeserver/platform/lifecycle.ts'
import { createFetcher } from '../../homeserver/platform/fetch.ts'
import { Metrics } from '../../homeserver/platform/metrics.ts'
import { noTracing } from '../../homeserver/platform/tracing.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { migrate } from '../../homeserver/storage/migrate.ts'
import { Client } from './client.ts'

export interface MediaServer extends AsyncDisposable {
  readonly url: string
  /** Where files are, if they are on disk. */
  readonly directory: string
  readonly database: Database
  readonly metrics: Metrics
  client(user: string): Client
}

export interface MediaServerOptions {
  /** Settings, as the inside of a YAML object. */
  readonly config?: string
  readonly clock?: Clock
  readonly remote?: RemoteMedia | undefined
  /** Stays when the server ends; otherwise it has one of its own. */
  readonly dataDir?: string
}

export async function startMediaServer(
  databaseUrl: string,
  { config = '', clock = systemClock, remote, dataDir: givenDirectory }: MediaServerOptions = {},
): Promise<MediaServer> {
  await using opening = new AsyncDisposableStack()
  const dataDir = givenDirectory ?? (await mkdtemp(join(tmpdir(), 'domovoi-media-')))
  if (givenDirectory === undefined) opening.defer(() => rm(dataDir, { recursive: true, force: true }))
  const text = `{ server_name: hs.test, data_dir: '${dataDir}', ${config} }`
  const settings = loadConfig({ files: [{ name: 'test', text }], env: {}, readFile: () => '' })
  const database = await Database.open({ url: databaseUrl })
  opening.defer(() => database.close())
  await migrate(database)
  const metrics = new Metrics()
  const fetch = createFetcher()
  opening.defer(() => fetch.close())
  const { runnable, ...services } = await openMedia({
    config: settings,
    database,
    clock,
    metrics,
    fetch,
    ...(remote ? { remote } : {}),
  })
  const supervisor = new Supervisor({ clock: systemClock })
  opening.defer(() => supervisor.stop())
  await supervisor.start(runnable)
  const stopping = new AbortController()
  const app = createApp({
    endpoints: mediaEndpoints,
    services: { config: settings, clock, metrics, ...services } as unknown as Services, // all that these endpoints use
    authenticator: {
      authenticate: (token) => Promise.resolve(requester(token)),
      findOperator: () => undefined,
      authenticateAppservice: refuse,
    },
    serverAuthenticator: { authenticate: refuse },
    limiter: new RateLimiter({ clock, limits: {} }),
    metrics,
    tracing: noTracing,
    trustedProxies: trustedProxies([]),
    unread: new UnreadAnswers({ directory: tmpdir(), metrics }),
    stopping: stopping.signal,
  })
  const handle = app.callback()
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  opening.defer(async () => {
    stopping.abort()
    server.closeAllConnections()
    await new Promise((resolve) => void server.close(resolve))
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const resources = opening.move()
  return {
    url,
    directory: settings.media.path,
    database,
    metrics,
    client: (user) => Object.assign(new Client(url), { userId: `@${user}:hs.test`, token: user }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

function requester(token: string): Requester {
  return {
    userId: `@${token}:hs.test`,
    deviceId: 'DEVICE',
    sessionId: token,
    isGuest: false,
    isAdmin: false,
    isSuspended: false,
    appserviceId: undefined,
  }
}

function refuse(): never {
  throw new Error('No application services here')
}
