/**
 * Logs by subsystem: a fixed message, data as fields, one line each.
 *
 * Never give content, message text or phone numbers; fields with the names of secrets are blanked, which is the
 * last line of defence and not a permission.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type Fields, humanLine, jsonLine } from './log-format.ts'
import type { LogFiles } from './log-files.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

/** A logger is one function a level. `error` means somebody should look. */
export interface Logger {
  debug(fields: Fields, message: string): void
  info(fields: Fields, message: string): void
  warn(fields: Fields, message: string): void
  error(fields: Fields, message: string): void
  /** Ask before building costly fields. */
  enabled(level: Level): boolean
}

export interface LogOptions {
  readonly level: Level | 'off'
  /** Levels of single subsystems. */
  readonly levels?: Readonly<Record<string, Level | 'off'>>
  readonly format: 'json' | 'human'
  readonly write: (line: string) => void
  /** Get every line as well, as JSON. They are closed when other options take their place. */
  readonly files?: LogFiles | undefined
}

const weights: Readonly<Record<Level | 'off', number>> = { debug: 0, info: 1, warn: 2, error: 3, off: 4 }

/** A message that comes more often than this in a second is counted instead of written. */
const perSecond = 10

/** Messages are fixed, so a logger that meets more different ones has been misused; it then starts to count anew. */
const maxMessages = 500

const defaults: LogOptions = {
  level: 'warn',
  format: 'human',
  write: (line) => void process.stdout.write(line),
}

/** The one piece of state of the process as a whole: where its log goes. */
let options = defaults

/** Sets where and how much all loggers write, those made before included. */
export function configureLogging(changes: Partial<LogOptions>): void {
  const { files } = options
  options = { ...defaults, ...changes }
  if (files !== options.files) files?.close()
}

const requests = new AsyncLocalStorage<string>()

/** Marks every line written inside `fn` and what it awaits with a request id. */
export function withRequest<T>(id: string, fn: () => T): T {
  return requests.run(id, fn)
}

export function currentRequest(): string | undefined {
  return requests.getStore()
}

interface Tally {
  until: number
  count: number
}

class SubsystemLogger implements Logger {
  readonly #subsystem: string
  readonly #limited: boolean
  readonly #tallies = new Map<string, Tally>()
  #options: LogOptions | undefined
  #threshold = 0

  constructor(subsystem: string, limited: boolean) {
    this.#subsystem = subsystem
    this.#limited = limited
  }

  debug(fields: Fields, message: string): void {
    if (this.enabled('debug')) this.#write('debug', fields, message)
  }

  info(fields: Fields, message: string): void {
    if (this.enabled('info')) this.#write('info', fields, message)
  }

  warn(fields: Fields, message: string): void {
    if (this.enabled('warn')) this.#write('warn', fields, message)
  }

  error(fields: Fields, message: string): void {
    if (this.enabled('error')) this.#write('error', fields, message)
  }

  enabled(level: Level): boolean {
    if (this.#options !== options) {
      this.#options = options
      this.#threshold = weights[options.levels?.[this.#subsystem] ?? options.level]
    }
    return weights[level] >= this.#threshold
  }

  #write(level: Level, fields: Fields, message: string): void {
    if (this.#limited && this.#tooMany(level, message)) return
    this.#emit(level, fields, message)
  }

  #emit(level: Level, fields: Fields, message: string): void {
    const { format, files } = options
    const at = new Date().toISOString()
    const line = { at, level, subsystem: this.#subsystem, request: requests.getStore(), message, fields }
    files?.write(jsonLine(line), { isError: level === 'error' })
    options.write(format === 'json' ? jsonLine(line) : humanLine(line))
  }

  /** Counts the message; the first one over the limit sets a timer that will tell how many were left out. */
  #tooMany(level: Level, message: string): boolean {
    const now = performance.now()
    const tally = this.#tallies.get(message)
    if (!tally || now >= tally.until) {
      if (this.#tallies.size >= maxMessages) this.#tallies.clear()
      this.#tallies.set(message, { until: now + 1000, count: 1 })
      return false
    }
    tally.count += 1
    if (tally.count <= perSecond) return false
    if (tally.count === perSecond + 1) {
      const tell = (): void => this.#emit(level, { suppressed: tally.count - perSecond }, message)
      setTimeout(tell, tally.until - now).unref()
    }
    return true
  }
}

/** `limited: false` is for messages that are meant to come for every request, such as the access log. */
export function logger(subsystem: string, { limited = true }: { limited?: boolean } = {}): Logger {
  return new SubsystemLogger(subsystem, limited)
}
