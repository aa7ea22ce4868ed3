/**
 * Computes argon2id in a thread of its own. In Node's thread pool each of its threads would keep the memory of a hash
 * for good (115 MiB after some logins, measured), and the database would wait behind hashes.
 */
import type { Argon2Parameters } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const program = fileURLToPath(new URL('./hash-worker.ts', import.meta.url))
/** The thread runs next to no JavaScript. */
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 }

export class HashThread {
  readonly #stopping = new AbortController()
  #worker: Worker | undefined

  /** To be called again only when the promise before is settled. The thread starts with the first call. */
  async derive(parameters: Argon2Parameters): Promise<Buffer> {
    const worker = (this.#worker ??= new Worker(program, { resourceLimits }))
    worker.ref() // a command that waits for its hash must not end
    try {
      worker.postMessage(parameters)
      const [tag] = (await once(worker, 'message', { signal: this.#stopping.signal })) as [Uint8Array]
      return Buffer.from(tag)
    } catch (error) {
      this.#worker = undefined
      throw error
    } finally {
      worker.unref()
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('The server stops'))
    await this.#worker?.terminate()
  }
}
