/** Connections whose clients ask for a lot and take it slowly, as over a bad line. */
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../support/client.ts'

/** What each takes in a second. */
const BYTES = 1_024

export class SlowReader {
  readonly #socket: Socket
  readonly #taken: Buffer[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Has asked for that path; resolves when the answer has begun. */
  static async ask(client: Client, path: string): Promise<SlowReader> {
    const { hostname, port } = new URL(client.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined) // seen by what is missing
    await once(socket, 'connect')
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${client.token}\r\nConnection: close\r\n\r\n`,
    )
    await once(socket, 'readable')
    return new SlowReader(socket)
  }

  async readSlowly(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted && !this.#socket.destroyed) {
      const piece = this.#socket.read(BYTES) as Buffer | null
      if (piece) this.#taken.push(piece)
      await sleep(1_000, undefined, { signal: stopped }).catch(() => undefined)
    }
  }

  /** Reads the rest as fast as it comes, and gives the status and the body. */
  async finish(): Promise<{ readonly status: number; readonly body: string }> {
    for await (const piece of this.#socket) this.#taken.push(piece as Buffer)
    const whole = Buffer.concat(this.#taken)
    const end = whole.indexOf('\r\n\r\n')
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(whole.toString('latin1', 0, end)) ?? []
    return { status: Number(status), body: whole.toString('utf8', end + 4) }
  }
}
