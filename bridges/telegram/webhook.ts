/**
 * Takes updates that Telegram posts, instead of asking for them. It posts one after the other, and each again until it is
 * taken: what is answered with 200 is on disk.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Update } from 'node-telegram-bot-api'
import * as z from 'zod'
import { badJson, MatrixError, tooLarge } from '../../homeserver/core/errors.ts'
import type { UpdatePost } from '../../homeserver/core/telegram-updates.ts'
import { logger } from '../../homeserver/platform/log.ts'
import { keepUpdates, type PollerParts, updateKinds } from './poller.ts'
import { countUpdates } from './store/updates.ts'

/** How often we look whether it is still set: somebody else with the token may have set another. */
const LOOK_MS = 60_000
const MAX_WAITING = 5_000
/** Of an update, in bytes. */
const MAX_UPDATE = 1024 * 1024
const log = logger('telegram')

const updateBody = z.looseObject({ update_id: z.int().nonnegative() })

export interface WebhookParts extends PollerParts {
  /** Where Telegram is to post. */
  readonly url: string
  /** Known to this bridge alone; what Telegram proves itself by is made of it. */
  readonly key: string
}

export class Webhook {
  readonly #parts: WebhookParts
  readonly #secret: string
  /** False after a failure, until Telegram has it. */
  isHealthy = true
  #isSet = false

  constructor(parts: WebhookParts) {
    this.#parts = parts
    this.#secret = createHmac('sha256', parts.key).update('telegram webhook').digest('base64url')
  }

  /** Resolves when `signal` is aborted. Telegram keeps what comes until this process, or the next one, is there. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, retryMs } = this.#parts
    let wait = retryMs
    while (!signal.aborted) {
      try {
        await this.#ensure()
        this.isHealthy = true
        wait = retryMs
      } catch (error) {
        this.isHealthy = false
        log.error({ problem: String(error) }, 'Telegram does not take the webhook')
        wait = Math.min(wait * 2, LOOK_MS)
      }
      await clock.sleep(this.isHealthy ? LOOK_MS : wait, signal).catch(() => undefined)
    }
  }

  /** Resolves when the update is kept. Throws `MatrixError`: 401 for whoever is not Telegram, 503 where it has to wait. */
  async take({ secret, read }: UpdatePost): Promise<void> {
    if (!this.#isTelegram(secret)) throw new MatrixError(401, 'M_FORBIDDEN', 'This is for Telegram alone')
    const update = updateOf(await read())
    try {
      if ((await countUpdates(this.#parts.database)).waiting > MAX_WAITING) throw new Error('too many wait already')
      await keepUpdates(this.#parts, [update])
    } catch (error) {
      throw notNow(error)
    }
  }

  #isTelegram(secret = ''): boolean {
    const [given, own] = [Buffer.from(secret), Buffer.from(this.#secret)]
    return given.length === own.length && timingSafeEqual(given, own)
  }

  async #ensure(): Promise<void> {
    const { telegram, url } = this.#parts
    const { url: known, last_error_message: problem, last_error_date: at } = await telegram.reader.getWebhookInfo()
    if (problem !== undefined && known === url) log.warn({ problem, at }, 'Telegram could not post an update')
    // Set at each start as well: the kinds of updates, or the secret, may be others than before.
    if (known === url && this.#isSet) return
    await telegram.sender.setWebhook({
      url,
      secret_token: this.#secret,
      allowed_updates: [...updateKinds],
      max_connections: 1, // one after the other: so their order is that of their numbers
      drop_pending_updates: false,
    })
    this.#isSet = true
  }
}

const notNow = (cause: unknown): MatrixError => new MatrixError(503, 'M_UNKNOWN', 'Not kept: try again', { cause })

function updateOf(body: Buffer): Update {
  try {
    return updateBody.parse(JSON.parse(body.toString())) as Update
  } catch {
    throw badJson('This is no update')
  }
}

/** What comes to the bridge itself, where it has a process of its own. */
export function postOf(request: IncomingMessage): UpdatePost {
  const secret = request.headers['x-telegram-bot-api-secret-token']
  return { secret: typeof secret === 'string' ? secret : undefined, read: () => limited(request) }
}

/** The body of a request that may come from anybody. */
async function limited(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_UPDATE) throw tooLarge('This is no update')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
