import { Client } from '../support/client.ts'
import type { DrillServer } from './drill-server.ts'

/** How long a client repeats a request before it takes the server for broken. */
const PATIENCE_MS = 60_000

/** Repeats a request until it is answered, as clients do: while the server is away, and when it says that it is at fault. */
export class StubbornClient extends Client {
  readonly #server: DrillServer
  /** Requests that went unanswered and were sent again. */
  retries = 0

  constructor(server: DrillServer) {
    super(server.url)
    this.#server = server
  }

  override async request(...args: Parameters<Client['request']>): ReturnType<Client['request']> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      await this.#server.up
      try {
        const response = await super.request(...args)
        if (response.status < 500 || performance.now() > deadline) return response
      } catch (error) {
        if (performance.now() > deadline) throw error
      }
      this.retries++
      await new Promise((resolve) => setTimeout(resolve, 20)) // a dead process may not be noticed yet
    }
  }
}
