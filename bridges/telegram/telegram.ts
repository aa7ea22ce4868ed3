/** Telegram's Bot API by node-telegram-bot-api, with what that leaves to us: downloads, and what an error means. */
import type { BridgeMetrics } from './metrics.ts'
import { Api, NetworkError, ParseError, TelegramApiError, TimeoutError } from 'node-telegram-bot-api'

/** Telegram gives bots no larger file. */
const DOWNLOAD_LIMIT = 20 * 1024 * 1024

export class TooLargeError extends Error {
  override name = 'TooLargeError'
}

/** What to do about a failed call. */
export type Verdict =
  /** It had no effect: the same again, after a wait; `isCounted` unless the other side asked us to wait. */
  | { readonly kind: 'again'; readonly ms?: number; readonly isCounted: boolean }
  /** Whether it had an effect is not known. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'migrated'; readonly to: number }
  /** It will never work. */
  | { readonly kind: 'never'; readonly why: string }

const UNAUTHORIZED_WAIT_MS = 30_000
/** Errors of a socket that never was connected. */
const notConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])

export function verdictOf(error: unknown): Verdict {
  if (error instanceof TelegramApiError) {
    const { errorCode, retryAfter, migrateToChatId, description } = error
    if (migrateToChatId !== undefined) return { kind: 'migrated', to: migrateToChatId }
    if (errorCode === 429) return { kind: 'again', ms: (retryAfter ?? 1) * 1000, isCounted: false }
    if (errorCode === 401) return { kind: 'again', ms: UNAUTHORIZED_WAIT_MS, isCounted: false }
    if (errorCode >= 500) return { kind: 'again', isCounted: true }
    return { kind: 'never', why: description }
  }
  if (error instanceof NetworkError)
    return isUnreachable(error) ? { kind: 'again', isCounted: true } : { kind: 'unknown' }
  if (error instanceof TimeoutError || error instanceof ParseError) return { kind: 'unknown' }
  return { kind: 'again', isCounted: true }
}

/** Whether nobody is there at all: the same will work once somebody is. */
export function isUnreachable(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (typeof code === 'string' && notConnected.has(code)) return true
  }
  return false
}

export const isGone = (error: unknown): boolean =>
  error instanceof TelegramApiError && /message (?:to \w+ )?not found|message_id_invalid/i.test(error.description)

export const isUnmodified = (error: unknown): boolean =>
  error instanceof TelegramApiError && error.description.includes('message is not modified')

/** Tells of each call how long it took, and what was wrong with it. */
class MeasuredApi extends Api {
  #metrics: BridgeMetrics | undefined

  measure(metrics: BridgeMetrics): this {
    this.#metrics = metrics
    return this
  }

  protected override async request<R>(
    method: string,
    params?: Record<string, unknown>,
    signal?: AbortSignal,
  ): Promise<R> {
    if (method === 'getUpdates' || !this.#metrics) return await super.request(method, params, signal)
    const began = performance.now()
    let code: string | undefined
    try {
      return await super.request(method, params, signal)
    } catch (error) {
      code = error instanceof TelegramApiError ? String(error.errorCode) : 'network'
      throw error
    } finally {
      this.#metrics.called(method, (performance.now() - began) / 1000, code)
    }
  }
}

/** Too wide, too high or too long for a photo. https://core.telegram.org/bots/api#sendphoto */
export const isNoPhoto = (error: unknown): boolean =>
  error instanceof TelegramApiError && /PHOTO_INVALID_DIMENSIONS|IMAGE_PROCESS_FAILED/.test(error.description)

export class Telegram {
  /** Repeats by itself: for questions. */
  readonly reader: Api
  /** Never repeats: for everything that has an effect. */
  readonly sender: Api
  readonly #root: string
  readonly #token: string

  /** `timeoutMs` is how long Telegram may take for what has an effect: a file may be large. */
  constructor({
    token,
    apiRoot,
    timeoutMs = 120_000,
    metrics,
  }: {
    token: string
    apiRoot: string
    timeoutMs?: number
    metrics?: BridgeMetrics
  }) {
    this.#root = apiRoot
    this.#token = token
    const [reader, sender] = [
      new MeasuredApi(token, { apiRoot, maxRetries: 2 }),
      new MeasuredApi(token, { apiRoot, maxRetries: 0, timeoutMs }),
    ]
    this.reader = metrics ? reader.measure(metrics) : reader
    this.sender = metrics ? sender.measure(metrics) : sender
  }

  /** Throws `TooLargeError` for what Telegram does not give to bots. */
  async download(file: { readonly file_id: string; readonly file_size?: number | undefined }): Promise<Buffer> {
    if ((file.file_size ?? 0) > DOWNLOAD_LIMIT) throw new TooLargeError('larger than bots may read')
    const { file_path: path } = await this.#locate(file.file_id)
    const response = await fetch(`${this.#root}/file/bot${this.#token}/${path}`)
    if (!response.ok) throw new Error(`Telegram answered ${response.status} to a download`)
    const bytes = Buffer.from(await response.arrayBuffer())
    if (bytes.length > DOWNLOAD_LIMIT) throw new TooLargeError('larger than bots may read')
    return bytes
  }

  async #locate(fileId: string): Promise<{ file_path?: string }> {
    try {
      return await this.reader.getFile({ file_id: fileId })
    } catch (error) {
      if (error instanceof TelegramApiError && error.description.includes('file is too big')) {
        throw new TooLargeError('larger than bots may read', { cause: error })
      }
      throw error
    }
  }
}
