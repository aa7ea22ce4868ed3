/**
 * Password hashes: argon2id in PHC form. Hashing costs memory and time on purpose, so only one runs at a time and few
 * may wait.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { invalidParam, limitExceeded, refuse } from '../../core/errors.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { HashThread } from './hash-thread.ts'

interface Cost {
  /** KiB */
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
}

/** What OWASP recommends; `fast` is for test suites. */
const costs = {
  default: { memory: 19_456, passes: 2, parallelism: 1 },
  fast: { memory: 64, passes: 1, parallelism: 1 },
} as const satisfies Record<string, Cost>

const TAG_BYTES = 32
const SALT_BYTES = 16
const MAX_PASSWORD_BYTES = 512
const MAX_WAITING = 32
const RETRY_AFTER_MS = 2_000

/** KiB; a hash that takes no more does not pay for a thread. */
const SMALL = 1024
const deriveSmall = promisify(argon2)

export class Passwords implements Service {
  readonly name = 'passwords'
  readonly #cost: Cost
  /** Compared with where there is no hash: an unknown user takes as long as a wrong password. */
  readonly #dummy: string
  readonly #thread = new HashThread()
  readonly #waiting: (() => void)[] = []
  #isBusy = false

  constructor({ cost }: { cost: keyof typeof costs }) {
    this.#cost = costs[cost]
    this.#dummy = format(this.#cost, randomBytes(SALT_BYTES), randomBytes(TAG_BYTES))
  }

  /** Throws `M_WEAK_PASSWORD` or `M_INVALID_PARAM` for what cannot be a password, `M_LIMIT_EXCEEDED` when too many wait. */
  async hash(password: string): Promise<string> {
    const message = normalized(password)
    if (message.length === 0) throw refuse(400, 'M_WEAK_PASSWORD', 'The password is empty')
    if (message.length > MAX_PASSWORD_BYTES) throw invalidParam(`The password is over ${MAX_PASSWORD_BYTES} bytes`)
    const salt = randomBytes(SALT_BYTES)
    return format(this.#cost, salt, await this.#derive(message, salt, this.#cost))
  }

  /** Takes equally long whether or not there is a hash. Throws `M_LIMIT_EXCEEDED` when too many wait. */
  async verify(password: string, hashed: string | undefined): Promise<boolean> {
    const message = normalized(password)
    const known = parse(hashed ?? this.#dummy)
    // Beyond the limit nothing can match; a cut text costs what every other one costs.
    const tag = await this.#derive(message.subarray(0, MAX_PASSWORD_BYTES), known.salt, known)
    const matches = tag.length === known.tag.length && timingSafeEqual(tag, known.tag)
    return matches && hashed !== undefined && message.length <= MAX_PASSWORD_BYTES
  }

  /** Whether the hash was made at another cost than ours. */
  isOutdated(hashed: string): boolean {
    const { memory, passes, parallelism } = parse(hashed)
    return memory !== this.#cost.memory || passes !== this.#cost.passes || parallelism !== this.#cost.parallelism
  }

  async stop(): Promise<void> {
    await this.#thread.stop()
  }

  async #derive(message: Buffer, nonce: Buffer, { memory, passes, parallelism }: Cost): Promise<Buffer> {
    await this.#enter()
    try {
      const parameters = { message, nonce, memory, passes, parallelism, tagLength: TAG_BYTES }
      return await (memory > SMALL ? this.#thread.derive(parameters) : deriveSmall('argon2id', parameters))
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (!this.#isBusy) {
      this.#isBusy = true
      return
    }
    if (this.#waiting.length >= MAX_WAITING) {
      throw limitExceeded(RETRY_AFTER_MS, 'Too many people are logging in: try again in a moment')
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Hands the turn to the next in line. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#isBusy = false
  }
}

/** The same password typed on another keyboard may come as other code points. */
function normalized(password: string): Buffer {
  return Buffer.from(password.normalize('NFKC'))
}

function format({ memory, passes, parallelism }: Cost, salt: Buffer, tag: Buffer): string {
  const cost = `m=${memory},t=${passes},p=${parallelism}`
  return `$argon2id$v=19$${cost}$${unpadded(salt)}$${unpadded(tag)}`
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')

const phc = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/

function parse(hashed: string): Cost & { salt: Buffer; tag: Buffer } {
  const [, memory, passes, parallelism, salt, tag] = phc.exec(hashed) ?? []
  if (salt === undefined || tag === undefined) throw new Error('a password hash is not argon2id in PHC form')
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}
