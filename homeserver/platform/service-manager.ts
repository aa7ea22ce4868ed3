/**
 * What systemd is told of this process, where a unit has `Type=notify`: that it is ready, that it stops, and again and again
 * that it lives. Node speaks no datagrams over Unix sockets, so systemd's own program carries the words.
 * https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Clock } from './clock.ts'
import { logger } from './log.ts'

const log = logger('start')

/** Of a program that ends at once. */
const TIMEOUT_MS = 5_000

export class ServiceManager {
  readonly #env: Readonly<Record<string, string>>
  /** After so long without a word it takes the process for dead; undefined where it does not watch. */
  readonly #patienceMs: number | undefined

  private constructor(env: Readonly<Record<string, string>>, patienceMs: number | undefined) {
    this.#env = env
    this.#patienceMs = patienceMs
  }

  /** Undefined where nobody wants to be told. */
  static find(env: Readonly<Record<string, string | undefined>>, pid = process.pid): ServiceManager | undefined {
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: patience, WATCHDOG_PID: watched, PATH: path = '' } = env
    if (socket === undefined || socket === '') return undefined
    const isWatched = watched === undefined || watched === String(pid)
    const patienceMs = isWatched && Number(patience) > 0 ? Number(patience) / 1000 : undefined
    return new ServiceManager({ NOTIFY_SOCKET: socket, PATH: path }, patienceMs)
  }

  async ready(): Promise<void> {
    await this.#tell('READY=1')
  }

  async stopping(): Promise<void> {
    await this.#tell('STOPPING=1')
  }

  /** Says that the process lives as long as its loop turns, and resolves when `signal` is aborted. */
  async watch(clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#patienceMs === undefined) return
    await clock.every(this.#patienceMs / 3, 'watchdog', () => this.#tell('WATCHDOG=1'), signal)
  }

  /** Never rejects: who cannot be told sees it for himself in the end. */
  async #tell(word: string): Promise<void> {
    try {
      await promisify(execFile)('systemd-notify', [word], { env: this.#env, timeout: TIMEOUT_MS })
    } catch (error) {
      log.warn({ word, error }, 'systemd could not be told')
    }
  }
}
