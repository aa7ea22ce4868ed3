/** The real server program, to be killed and started again on the same port and data. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Database } from '../../homeserver/storage/database.ts'
import { main, Place } from '../support/program.ts'
import type { Failpoint, Survived } from './failpoints.ts'
import type { Turn } from './movable-clock.ts'
import type { Site } from './sites.ts'

/** As `npm start` has them: young objects take 32 MB at most instead of 128, and as much time. */
const nodeFlags = ['--max-semi-space-size=16']
const failpoints = fileURLToPath(new URL('failpoints.ts', import.meta.url))
const memoryEater = fileURLToPath(new URL('memory-eater.ts', import.meta.url))
const movableClock = fileURLToPath(new URL('movable-clock.ts', import.meta.url))

export class DrillServer implements AsyncDisposable {
  /** From each start of the process to its word that it is ready, in milliseconds. */
  readonly readyMs: number[] = []
  /** What it has said since its starts. */
  logLines = 0
  readonly databaseUrl: string
  readonly #place: Place
  readonly #host: string
  /** Modules that the process has before any of the server. */
  readonly #preloaded: readonly string[]
  readonly #flags: readonly string[]
  #child: ChildProcess | undefined
  #up = Promise.withResolvers<void>()

  private constructor(
    place: Place,
    {
      databaseUrl,
      host,
      preloaded,
      flags,
    }: { databaseUrl: string; host: string; preloaded: readonly string[]; flags: readonly string[] },
  ) {
    this.#place = place
    this.#host = host
    this.databaseUrl = databaseUrl
    this.#preloaded = preloaded
    this.#flags = flags
  }

  /** A directory, a port and settings; nothing runs yet. */
  static async make({
    databaseUrl,
    withFailpoints = false,
    withMovableClock = false,
    heapMiB,
    site,
    dataDir,
    auth = '',
    settings = '',
  }: {
    databaseUrl?: string | undefined
    withFailpoints?: boolean
    withMovableClock?: boolean
    /** Of the heap at most, and the process can be told to run out of it. */
    heapMiB?: number
    /** Where its files and its log are to be; without one they are in its place. */
    dataDir?: string
    /** More of the section `auth`. */
    auth?: string
    /** More of the configuration. */
    settings?: string
    /** Where other servers find it; without one it is an island. */
    site?: Site
  }): Promise<DrillServer> {
    const place = await Place.make()
    const url = databaseUrl ?? `sqlite:${place.path('domovoi.db')}`
    const host = site?.host ?? '127.0.0.1'
    const config = `
server_name: ${site?.name ?? 'drill.test'}
data_dir: ${dataDir ?? place.path('data')}
listen: { host: ${host}, port: ${place.port} }
${site ? federationWith(site) : ''}
database: { url: '${url}' }
registration: { mode: open, i_accept_abuse_risk: true }
auth: { password_hash: fast${auth === '' ? '' : `, ${auth}`} }
limits: { preset: off }
log: { level: info, format: json${dataDir === undefined ? '' : `, path: ${join(dataDir, 'log')}`} }
${settings}
`
    await writeFile(place.path('config.yaml'), config)
    const wanted = {
      [failpoints]: withFailpoints,
      [movableClock]: withMovableClock,
      [memoryEater]: heapMiB !== undefined,
    }
    const preloaded = Object.keys(wanted).filter((path) => wanted[path])
    const flags = heapMiB === undefined ? nodeFlags : [...nodeFlags, `--max-old-space-size=${heapMiB}`]
    return new DrillServer(place, { databaseUrl: url, host, preloaded, flags })
  }

  get url(): string {
    return `http://${this.#host}:${this.#place.port}`
  }

  /** Of the running process. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('No server runs')
    return this.#child.pid
  }

  /** A place for files of the drill, which go with the server. */
  path(name: string): string {
    return this.#place.path(name)
  }

  /** Resolves while the server answers, else as soon as it does again. */
  get up(): Promise<void> {
    return this.#up.promise
  }

  async start(): Promise<void> {
    const begun = performance.now()
    const child = spawn(
      process.execPath,
      [
        ...this.#flags,
        ...this.#preloaded.flatMap((path) => ['--import', path]),
        main,
        '-c',
        this.#place.path('config.yaml'),
      ],
      { cwd: this.#place.cwd, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    )
    this.#child = child
    const errors = child.stderr ? text(child.stderr) : undefined
    if (!(await saysReady(child))) throw new Error(`The server did not start: ${await errors}`)
    child.stdout?.on('data', (chunk: Buffer) => (this.logLines += chunk.toString('latin1').split('\n').length - 1))
    child.stdout?.resume() // or its log would fill the pipe
    this.readyMs.push(performance.now() - begun)
    this.#up.resolve()
  }

  /** SIGKILL, now. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.died()
  }

  /** Resolves when the process is gone, by whatever hand. */
  async died(): Promise<void> {
    const child = this.#child
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    this.#up = Promise.withResolvers()
    this.#child = undefined
  }

  /** Lets it end in order, as a service manager does. Gives the exit code; null if a signal ended it after all. */
  async stop(): Promise<number | null> {
    const child = this.#child
    child?.kill('SIGTERM')
    await this.died()
    return child?.exitCode ?? null
  }

  /** The process will die at that step of the next such transaction. Resolves to its number of steps if it had fewer, else to undefined when it is dead. */
  async arm(failpoint: Failpoint): Promise<{ readonly outcome: Promise<number | undefined> }> {
    const child = this.#child
    if (!child) throw new Error('Only a running server can be armed')
    child.send(failpoint)
    await once(child, 'message')
    const survived = once(child, 'message').then(([message]) => (message as Survived).steps)
    survived.catch(() => undefined)
    return { outcome: Promise.race([survived, once(child, 'exit').then(() => undefined)]) }
  }

  /** The wall clock of the running process is wrong by so many milliseconds from now on; until its next start. */
  async turnClock(offBy: number): Promise<void> {
    const child = this.#child
    if (!child) throw new Error('Only a running server has a clock')
    const turned = once(child, 'message')
    child.send({ offBy } satisfies Turn)
    await turned
  }

  /** Resolves when it has died of that, to its exit code or the signal. */
  async runOutOfMemory(): Promise<string> {
    const child = this.#child
    if (!child) throw new Error('No server runs')
    child.send('eat')
    await this.died()
    return String(child.exitCode ?? child.signalCode)
  }

  /** Beside the server, which may be dead. */
  openDatabase(): Promise<Database> {
    return Database.open({ url: this.databaseUrl })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await this.#place[Symbol.asyncDispose]()
  }
}

function federationWith({ port, tls }: Site): string {
  return `
federation: { mode: open }
tls: { mode: files, port: ${port}, key: ${tls.key}, cert: ${tls.cert} }
outgoing: { allow_ranges: [127.0.0.0/8], ca_file: ${tls.cert} }
`
}

/** False if its output ends before. */
async function saysReady(child: ChildProcess): Promise<boolean> {
  if (!child.stdout) return false
  const lines = createInterface({ input: child.stdout })
  for await (const line of lines) {
    if (line.includes('"msg":"ready"')) return true
  }
  return false
}
