/** The real programs in processes of their own, in a directory of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export const main = fileURLToPath(new URL('../../homeserver/main.ts', import.meta.url))
export const cli = fileURLToPath(new URL('../../homeserver/cli/domovoi.ts', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

export type Logged = Readonly<Record<string, unknown>>

/** A directory to start programs in, with a port for the server. */
export class Place implements AsyncDisposable {
  readonly cwd: string
  readonly port: number
  readonly #children: ChildProcess[] = []

  private constructor(cwd: string, port: number) {
    this.cwd = cwd
    this.port = port
  }

  static async make(): Promise<Place> {
    const server = await occupy(0)
    const port = portOf(server)
    server.close()
    await once(server, 'close')
    return new Place(await mkdtemp(join(tmpdir(), 'domovoi-place-')), port)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  path(name: string): string {
    return join(this.cwd, name)
  }

  /** Everything in it, but for the cache of compiled code, which is nobody's data. */
  async files(): Promise<string[]> {
    const names = await readdir(this.cwd, { recursive: true })
    return names.filter((name) => !name.startsWith('data/cache')).toSorted()
  }

  launch(program: string, { args = [], env = {} }: RunOptions = {}): ChildProcess {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: this.cwd,
      env: { DOMOVOI_LISTEN__HOST: '127.0.0.1', DOMOVOI_LISTEN__PORT: String(this.port), ...env },
      stdio: 'pipe',
    })
    this.#children.push(child)
    return child
  }

  async run(program: string, options: RunOptions = {}): Promise<Ended> {
    const child = this.launch(program, options)
    child.stdin?.end(options.input ?? '')
    const [stdout = '', stderr = ''] = await Promise.all([child.stdout, child.stderr].map(contentOf))
    await end(child)
    return { code: child.exitCode, stdout, stderr }
  }

  /** Starts the server, ours or a copy, and waits until it says that it is ready. */
  async start(
    options?: RunOptions,
    program = main,
  ): Promise<{ readonly child: ChildProcess; readonly log: readonly Logged[] }> {
    const child = this.launch(program, options)
    const log: Logged[] = []
    const errors = contentOf(child.stderr)
    if (child.stdout) {
      for await (const line of createInterface({ input: child.stdout })) {
        const logged = JSON.parse(line) as Logged
        log.push(logged)
        if (logged['msg'] === 'ready') return { child, log }
      }
    }
    throw new Error(`The server did not start: ${await errors}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null) child.kill('SIGKILL')
    await rm(this.cwd, { recursive: true, force: true })
  }
}

/** Asks a program to end, and gives its exit code. */
export async function stop(child: ChildProcess): Promise<number | null> {
  child.kill('SIGTERM')
  await end(child)
  return child.exitCode
}

/** A server that keeps a port of the loopback address. */
export async function occupy(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

const contentOf = async (stream: Readable | null): Promise<string> => (stream ? await text(stream) : '')

function portOf(server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The server does not listen')
  return address.port
}
