/** Telegram's Bot API by node-telegram-bot-api, with what that leaves to us: downloads, and what an error means. */
import { Api, NetworkError, ParseError, TelegramApiError, TimeoutError } from 'node-telegram-bot-api'

/** Telegram gives bots no larger file. */
export const DOWNLOAD_LIMIT = 20 * 1024 * 1024

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
  if (error instanceof NetworkError) {
    const cause = (error.cause as { cause?: { code?: unknown } } | undefined)?.cause?.code
    return typeof cause === 'string' && notConnected.has(cause)
      ? { kind: 'again', isCounted: true }
      : { kind: 'unknown' }
  }
  if (error instanceof TimeoutError || error instanceof ParseError) return { kind: 'unknown' }
  return { kind: 'again', isCounted: true }
}

export const isGone = (error: unknown): boolean =>
  error instanceof TelegramApiError && /message (?:to \w+ )?not found|message_id_invalid/i.test(error.description)

export const isUnmodified = (error: unknown): boolean =>
  error instanceof TelegramApiError && error.description.includes('message is not modified')

export class Telegram {
  /** Repeats by itself: for questions. */
  readonly reader: Api
  /** Never repeats: for everything that has an effect. */
  readonly sender: Api
  readonly #root: string
  readonly #token: string

  /** `timeoutMs` is how long Telegram may take for what has an effect: a file may be large. */
  constructor({ token, apiRoot, timeoutMs = 120_000 }: { token: string; apiRoot: string; timeoutMs?: number }) {
    this.#root = apiRoot
    this.#token = token
    this.reader = new Api(token, { apiRoot, maxRetries: 2 })
    this.sender = new Api(token, { apiRoot, maxRetries: 0, timeoutMs })
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
