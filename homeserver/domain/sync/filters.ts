/** Filters of clients: uploaded once, or given with the request. https://spec.matrix.org/v1.19/client-server-api/#filtering */
import { encodeCanonical, isJsonObject, parseJson } from '../../core/canonical-json.ts'
import { badJson, invalidParam, notFound, tooLarge } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { compileFilter, type CompiledFilter, parseFilter } from '../../core/filter.ts'
import type { UserId } from '../../core/ids.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { addFilter, findFilter, findFilterId, removeOldFilters } from '../../storage/filters.ts'
import { maxFilterBytes, maxFilters } from '../limits.ts'

/** Characters of filters in memory, each compiled once however many clients use it. */
const MAX_CHARACTERS = 4 * 1024 * 1024
const MAX_STORED = 20_000

export class Filters {
  readonly #database: Database
  readonly #compiled = new Lru<string, CompiledFilter>(MAX_CHARACTERS, (_, text) => text.length + 500)
  readonly #stored = new Lru<string, string>(MAX_STORED)

  constructor({ database }: { database: Database }) {
    this.#database = database
  }

  /** Gives its id; the same filter keeps the same one. Throws as `parseFilter` does, and `M_TOO_LARGE`. */
  async add(userId: UserId, filter: JsonObject): Promise<string> {
    parseFilter(filter)
    const text = encodeCanonical(filter)
    if (Buffer.byteLength(text) > maxFilterBytes) throw tooLarge(`A filter may have ${maxFilterBytes} bytes`)
    const known = await findFilterId(this.#database, userId, text)
    if (known !== undefined) return String(known)
    const added = await this.#database.transaction('add filter', async (tx) => {
      const filterId = (await findFilterId(tx, userId, text)) ?? (await addFilter(tx, userId, text))
      await removeOldFilters(tx, userId, maxFilters)
      return filterId
    })
    return String(added)
  }

  /** The filter as uploaded, as JSON. Throws `M_NOT_FOUND`. */
  async get(userId: UserId, filterId: string): Promise<string> {
    if (!/^\d{1,15}$/.test(filterId)) throw notFound('There is no such filter')
    const key = `${userId} ${filterId}`
    const known = this.#stored.get(key)
    if (known !== undefined) return known
    const text = await findFilter(this.#database, userId, Number(filterId))
    if (text === undefined) throw notFound('There is no such filter')
    this.#stored.set(key, text)
    return text
  }

  /** What a request names as its filter: an id, JSON, or nothing. */
  async resolve(userId: UserId, given: string | undefined): Promise<CompiledFilter> {
    if (given === undefined || given === '') return this.#compile('{}')
    if (given.startsWith('{')) {
      if (given.length > maxFilterBytes) throw tooLarge(`A filter may have ${maxFilterBytes} bytes`)
      return this.#compile(given)
    }
    if (!/^\d+$/.test(given)) throw invalidParam('filter is neither an id nor JSON')
    return this.#compile(await this.get(userId, given))
  }

  #compile(text: string): CompiledFilter {
    const known = this.#compiled.get(text)
    if (known) return known
    const json = parseJson(text, { numbers: 'plain' })
    if (!isJsonObject(json)) throw badJson('filter is not an object')
    const compiled = compileFilter(parseFilter(json))
    this.#compiled.set(text, compiled)
    return compiled
  }
}
