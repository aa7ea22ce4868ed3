/** Parameters of a call, however they were sent: in the query, as a form, with files, or as JSON. */
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { bad } from './problem.ts'

export interface Upload {
  readonly name: string
  readonly type: string
  readonly bytes: Buffer
}

export class Params {
  readonly #values: ReadonlyMap<string, unknown>
  readonly #files: ReadonlyMap<string, Upload>

  constructor(values: ReadonlyMap<string, unknown>, files: ReadonlyMap<string, Upload> = new Map()) {
    this.#values = values
    this.#files = files
  }

  static async read(request: IncomingMessage, query: URLSearchParams): Promise<Params> {
    const values = new Map<string, unknown>(query)
    const files = new Map<string, Upload>()
    const type = request.headers['content-type'] ?? ''
    const body = await buffer(request)
    if (type.startsWith('application/json')) {
      for (const [key, value] of Object.entries(JSON.parse(body.toString()) as object)) values.set(key, value)
    } else if (type !== '' && body.length > 0) {
      const form = await new Response(body, { headers: { 'content-type': type } }).formData()
      for (const [key, value] of form) {
        if (typeof value === 'string') values.set(key, value)
        else files.set(key, { name: value.name, type: value.type, bytes: Buffer.from(await value.arrayBuffer()) })
      }
    }
    return new Params(values, files)
  }

  has(key: string): boolean {
    return this.#values.has(key) || this.#files.has(key)
  }

  text(key: string): string | undefined {
    const value = this.#values.get(key)
    if (value === undefined || value === null) return undefined
    return typeof value === 'string' ? value : JSON.stringify(value)
  }

  number(key: string): number | undefined {
    const value = this.text(key)
    if (value === undefined || value === '') return undefined
    const number = Number(value)
    if (Number.isNaN(number)) throw bad(`field "${key}" must be a Number`)
    return number
  }

  /** Throws as the Bot API does where something is missing. */
  need(key: string): number {
    const value = this.number(key)
    if (value === undefined) throw bad(`parameter "${key}" is required`)
    return value
  }

  flag(key: string): boolean {
    return ['true', '1', 'True'].includes(this.text(key) ?? '')
  }

  json<T>(key: string): T | undefined {
    const value = this.#values.get(key)
    if (typeof value !== 'string') return value as T | undefined
    try {
      return JSON.parse(value) as T
    } catch {
      throw bad(`can't parse ${key}: JSON expected`)
    }
  }

  /** A file that came with the call; `attach://` names are followed. */
  file(key: string): Upload | undefined {
    const named = this.text(key)
    return this.#files.get(named?.startsWith('attach://') === true ? named.slice('attach://'.length) : key)
  }

  attached(reference: string): Upload | undefined {
    return this.#files.get(reference.slice('attach://'.length))
  }

  /** For tests: what was sent, with files by their names and sizes. */
  describe(): Record<string, unknown> {
    const files = [...this.#files].map(([key, { name, bytes }]): [string, unknown] => [
      key,
      `${name} (${bytes.length})`,
    ])
    return Object.fromEntries([...this.#values, ...files])
  }
}
