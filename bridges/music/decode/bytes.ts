/** Bytes of a file in order, so many at a time. */
import { createReadStream } from 'node:fs'

export class Bytes implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(path: string) {
    this.#chunks = createReadStream(path)[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Undefined where there are not so many. */
  async take(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [this.#held]
    let length = this.#held.length
    while (length < count) {
      const { value, done } = await this.#chunks.next()
      if (done === true) break
      parts.push(value)
      length += value.length
    }
    this.#held = Buffer.concat(parts)
    if (length < count) return undefined
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(count)
    return taken
  }

  /** What is left, at most `count`. */
  async takeUpTo(count: number): Promise<Buffer> {
    const taken = await this.take(count)
    if (taken) return taken
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return rest
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 65_536) if (!(await this.take(Math.min(left, 65_536)))) return
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.()
  }
}
