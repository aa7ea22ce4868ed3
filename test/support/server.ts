/** A whole server in the test's own process, on a free port and a database of its own. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../homeserver/config/load.ts'
import { signingKeyFromSeed } from '../../homeserver/core/signing.ts'
import { Server, type ServerParts } from '../../homeserver/server.ts'
import { Client } from './client.ts'
import { type Dialect, freshDatabaseUrl } from './databases.ts'

export interface TestServerOptions {
  readonly database?: Dialect
  /** YAML that wins over a configuration with open registration, fast hashes and no rate limits; of several the later one. */
  readonly config?: string | readonly string[]
  readonly parts?: Partial<ServerParts>
}

export class TestServer implements AsyncDisposable {
  readonly server: Server
  readonly url: string
  /** Loses its content with the server. */
  readonly dataDir: string

  constructor(server: Server, dataDir: string) {
    this.server = server
    this.url = `http://127.0.0.1:${server.port}`
    this.dataDir = dataDir
  }

  /** A client without a session. */
  client(): Client {
    return new Client(this.url)
  }

  /** A new account on a new device. */
  async register(username: string, password = `password of ${username}`): Promise<Client> {
    return await this.client().register(username, password)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop()
    await rm(this.dataDir, { recursive: true, force: true })
  }
}

export async function startServer({
  database = 'sqlite',
  config = [],
  parts = {},
}: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'domovoi-data-'))
  const text = `
server_name: hs.test
data_dir: ${dataDir}
listen: { host: 127.0.0.1, port: 0 }
database: { url: '${await freshDatabaseUrl(database)}' }
registration: { mode: open, i_accept_abuse_risk: true, shared_secret: secret of the tests }
auth: { password_hash: fast }
limits: { preset: off }
log: { level: error }
`
  const signingKeys = [signingKeyFromSeed('test', randomBytes(32))] as const
  const files = [{ name: 'test', text }, ...[config].flat().map((options) => ({ name: 'options', text: options }))]
  const server = await Server.start(loadConfig({ files, env: {}, readFile: () => '' }), {
    signingKeys: [...signingKeys],
    ...parts,
  })
  return new TestServer(server, dataDir)
}
