/** A process that plays in one call, as the bot sees it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FromPlayer, ToPlayer } from './messages.ts'

const program = fileURLToPath(new URL('player-main.ts', import.meta.url))
const MEMORY = '--max-old-space-size=256'
/** It ends by itself when it is let go. */
const PATIENCE_MS = 4_000
const KEPT = 500

export class Player {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #said = ''

  /** `ended` is called once, however it ends, with the last of what it said on its error output. */
  constructor({ heard, ended }: { heard: (message: FromPlayer) => void; ended: (said: string) => void }) {
    this.#child = fork(program, {
      execArgv: [MEMORY, '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {},
    })
    this.#child.on('message', (message) => heard(message as FromPlayer))
    this.#child.stderr?.on('data', (chunk: Buffer) => void (this.#said = `${this.#said}${String(chunk)}`.slice(-KEPT)))
    this.#child.on('error', () => undefined) // then it ends
    this.#ended = once(this.#child, 'exit').catch(() => undefined)
    void this.#ended.then(() => ended(this.#said.trim()))
  }

  tell(message: ToPlayer): void {
    if (this.#child.connected) this.#child.send(message, () => undefined) // it may end meanwhile
  }

  /** It leaves the call, and ends. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS)
    await this.#ended
    clearTimeout(timer)
  }
}
