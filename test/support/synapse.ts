/**
 * A real Synapse, in a process of its own. Where its Python is: `SYNAPSE_VENV`, a virtual environment with the package
 * `matrix-synapse`; else `data/synapse` in this repository, where `.ci/run` puts one.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { encodeBase64 } from '../../homeserver/core/signing.ts'
import { Client } from './client.ts'

const folders = [process.env['SYNAPSE_VENV'], join(import.meta.dirname, '../../data/synapse')]

/** Undefined where there is none: tests beside Synapse are skipped then. */
export const synapsePython = folders
  .flatMap((folder) => (folder === undefined ? [] : [join(folder, 'bin/python')]))
  .find((python) => existsSync(python))

/** It ends with the process that started it, however that ends. */
const PROGRAM = `
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
from synapse.app.homeserver import main
main()
`

const CLIENT_PORT = 8008
const FEDERATION_PORT = 8448
const KEPT_LINES = 60

export interface SynapseOptions {
  /** A loopback address of its own. */
  readonly host: string
  readonly name: string
  readonly tls: { readonly key: string; readonly cert: string }
  /** Files of application services. */
  readonly registrations?: readonly string[]
}

export class Synapse implements AsyncDisposable {
  readonly name: string
  readonly host: string
  readonly port = FEDERATION_PORT
  readonly #folder: string
  #child: ChildProcess | undefined
  /** The last lines of what it says. */
  readonly said: string[] = []

  private constructor(folder: string, { name, host }: SynapseOptions) {
    this.#folder = folder
    this.name = name
    this.host = host
  }

  /** Started, with an empty database. */
  static async start(options: SynapseOptions): Promise<Synapse> {
    const folder = await mkdtemp(join(tmpdir(), 'domovoi-synapse-'))
    const files = {
      'signing.key': `ed25519 a_1 ${encodeBase64(randomBytes(32))}\n`,
      'log.json': JSON.stringify(LOGGING),
      'homeserver.json': JSON.stringify(settings(folder, options)), // which is YAML too
    }
    await Promise.all(Object.entries(files).map(([file, text]) => writeFile(join(folder, file), text)))
    const synapse = new Synapse(folder, options)
    await synapse.start()
    return synapse
  }

  get url(): string {
    return `http://${this.host}:${CLIENT_PORT}`
  }

  /** Of the running process. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('Synapse does not run')
    return this.#child.pid
  }

  get databaseFile(): string {
    return join(this.#folder, 'homeserver.db')
  }

  /** A client without a session. */
  client(): Client {
    return new Client(this.url)
  }

  async register(username: string): Promise<Client> {
    return await this.client().register(username, `password of ${username}`)
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    if (synapsePython === undefined) throw new Error('There is no Synapse here')
    const child = spawn(synapsePython, ['-c', PROGRAM, '-c', 'homeserver.json'], { cwd: this.#folder, stdio: 'pipe' })
    this.#child = child
    child.stderr.on('data', (chunk: Buffer) => this.#hear(chunk.toString()))
    const ready = Promise.withResolvers<void>()
    const lines = createInterface({ input: child.stdout })
    let listening = 0
    lines.on('line', (line) => {
      this.#hear(line)
      if (line.includes('now listening on') && ++listening === 2) ready.resolve()
    })
    lines.on('close', () => ready.reject(new Error(`Synapse does not start:\n${this.said.join('\n')}`)))
    await ready.promise
  }

  /** Without a chance to put anything in order. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #hear(text: string): void {
    this.said.push(text)
    if (this.said.length > KEPT_LINES) this.said.shift()
  }
}

const LOGGING = {
  version: 1,
  formatters: { plain: { format: '%(asctime)s %(name)s %(levelname)s %(message)s' } },
  handlers: { out: { class: 'logging.StreamHandler', formatter: 'plain', stream: 'ext://sys.stdout' } },
  loggers: { 'synapse.app': { level: 'INFO' }, 'synapse.util.daemonize': { level: 'INFO' } },
  root: { level: process.env['SYNAPSE_LOG'] ?? 'WARNING', handlers: ['out'] },
  disable_existing_loggers: false,
}

const plenty = { per_second: 99_999, burst_count: 99_999 }

function settings(folder: string, { host, name, tls, registrations = [] }: SynapseOptions): object {
  const at = (file: string): string => join(folder, file)
  return {
    server_name: name,
    public_baseurl: `http://${host}:${CLIENT_PORT}/`,
    pid_file: at('pid'),
    log_config: at('log.json'),
    signing_key_path: at('signing.key'),
    media_store_path: at('media'),
    database: { name: 'sqlite3', args: { database: at('homeserver.db') } },
    listeners: [
      { type: 'http', port: CLIENT_PORT, bind_addresses: [host], resources: [{ names: ['client'] }] },
      {
        type: 'http',
        port: FEDERATION_PORT,
        bind_addresses: [host],
        tls: true,
        resources: [{ names: ['federation'] }],
      },
    ],
    tls_certificate_path: tls.cert,
    tls_private_key_path: tls.key,
    federation_custom_ca_list: [tls.cert],
    ip_range_blacklist: [],
    federation: {
      destination_min_retry_interval: 100, // milliseconds, all of them
      destination_retry_multiplier: 1,
      destination_max_retry_interval: 100,
      max_long_retry_delay: 100,
      max_short_retry_delay: 100,
    },
    trusted_key_servers: [],
    app_service_config_files: registrations,
    report_stats: false,
    allow_public_rooms_over_federation: true,
    room_list_publication_rules: [{ action: 'allow' }],
    enable_registration: true,
    enable_registration_without_verification: true,
    registration_shared_secret: 'secret of the tests',
    macaroon_secret_key: 'secret of the tests',
    form_secret: 'secret of the tests',
    bcrypt_rounds: 4,
    caches: { sync_response_cache_duration: 0 },
    rc_message: plenty,
    rc_presence: { per_user: plenty },
    rc_registration: plenty,
    rc_joins_per_room: plenty,
    rc_room_creation: plenty,
    rc_joins: { local: plenty, remote: plenty },
    rc_login: { address: plenty, account: plenty, failed_attempts: plenty },
    rc_invites: { per_room: plenty, per_user: plenty, per_issuer: plenty },
    rc_federation: { window_size: 1000, sleep_limit: 99_999, sleep_delay: 500, reject_limit: 99_999, concurrent: 10 },
    federation_rr_transactions_per_room_per_second: 9999,
  }
}
