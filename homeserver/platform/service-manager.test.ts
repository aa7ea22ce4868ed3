import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, jest, test } from '@jest/globals'
import { Place, stop } from '../../test/support/program.ts'
import { FakeClock } from './fake-clock.ts'
import { ServiceManager } from './service-manager.ts'

jest.setTimeout(120_000) // starts a whole process

/** Node has no datagrams over Unix sockets. */
const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    for line in s.recv(4096).decode().splitlines(): print(line, flush=True)
`
const missing = ['systemd-notify', 'python3'].filter((program) => spawnSync(program, ['--version']).error !== undefined)

/** In the place of systemd. */
class Manager implements AsyncDisposable {
  readonly socket: string
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(folder: string) {
    this.#folder = folder
    this.socket = join(folder, 'notify')
    this.#child = spawn('python3', ['-c', receiver, this.socket], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout ?? process.stdin })[Symbol.asyncIterator]()
  }

  static async start(): Promise<Manager> {
    const manager = new Manager(await mkdtemp(join(tmpdir(), 'domovoi-manager-')))
    await manager.hears('listening')
    return manager
  }

  /** Resolves when this word has come; throws if another one comes first. */
  async hears(word: string, { not }: { readonly not?: string } = {}): Promise<void> {
    for (;;) {
      const { value } = await this.#lines.next()
      if (not !== undefined && value === not) throw new Error(`${not} came before ${word}`)
      if (value === word) return
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await once(this.#child, 'close')
    await rm(this.#folder, { recursive: true })
  }
}

const group = missing.length > 0 ? describe.skip : describe
group(missing.length > 0 ? `without ${missing.join(' and ')}` : 'systemd', () => {
  test('is told when the server is ready, that it lives, and when it stops', async () => {
    await using manager = await Manager.start()
    await using place = await Place.make()
    const env = { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '300000', PATH: process.env['PATH'] ?? '' }
    const running = place.start({ env })
    await manager.hears('READY=1', { not: 'WATCHDOG=1' })
    for (const _ of [1, 2, 3]) await manager.hears('WATCHDOG=1')
    const { child } = await running
    const stopped = stop(child)
    await manager.hears('STOPPING=1')
    expect(await stopped).toBe(0)
  })

  test('hears nothing of a process that it does not watch, but that it is ready', async () => {
    await using manager = await Manager.start()
    const env = { NOTIFY_SOCKET: manager.socket, WATCHDOG_USEC: '300000', WATCHDOG_PID: '1', PATH: process.env['PATH'] }
    const clock = new FakeClock()
    const found = ServiceManager.find(env, 2)
    await found?.watch(clock, new AbortController().signal) // at once
    await found?.ready()
    await manager.hears('READY=1', { not: 'WATCHDOG=1' })
  })
})

test('nobody is told where nobody asks, and who cannot be told stops nothing', async () => {
  expect(ServiceManager.find({})).toBeUndefined()
  await ServiceManager.find({ NOTIFY_SOCKET: '/nowhere', PATH: '/nowhere' })?.ready()
})
