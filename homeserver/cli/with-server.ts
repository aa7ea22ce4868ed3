/** For commands that ask the server itself: the one that runs, or one for the moment. */
import type { Config } from '../config/schema.ts'
import { lockDataDir, readSigningKeys, survey } from '../installation.ts'
import { configureLogging } from '../platform/log.ts'
import { Server } from '../server.ts'
import { CommandError } from './command.ts'

type Use<T> = (url: string, secret: string) => Promise<T>

/** Gives `use` the address of the server and the shared secret. Throws `CommandError` where there is no server yet. */
export async function withServer<T>(config: Config, use: Use<T>): Promise<T> {
  const secret = config.registration.shared_secret?.reveal()
  if (secret === undefined) throw new CommandError('There is no server here yet: start it once with  npm start')
  const { host, port } = config.listen
  const url = `http://${reachable(host)}:${port}`
  if (await answers(url)) return await use(url, secret)

  configureLogging({ level: 'error' })
  await survey(config)
  using _lock = lockDataDir(config)
  await using server = await Server.start(onLoopback(config), { signingKeys: await readSigningKeys(config) })
  return await use(`http://127.0.0.1:${server.port}`, secret)
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/_matrix/client/versions`, { signal: AbortSignal.timeout(5_000) })
    return response.ok
  } catch {
    return false
  }
}

/** Nobody else reaches it. */
const onLoopback = (config: Config): Config => ({
  ...config,
  listen: { ...config.listen, host: '127.0.0.1', port: 0 },
  tls: { ...config.tls, mode: 'proxy' },
  telegram: { ...config.telegram, run: 'separate' },
  metrics: {},
})

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
