/** Lets application services make rooms of theirs that somebody asks for. https://spec.matrix.org/v1.19/application-service-api/#get_matrixappv1roomsroomalias */
import type { RoomAlias } from '../../core/ids.ts'
import type { Appservices } from '../accounts/appservices.ts'
import type { AliasMaker } from '../directory/directory.ts'
import type { AppserviceClient } from './client.ts'

/** Somebody waits for it, who may try again. */
const TIMEOUT_MS = 20_000
/** Aliases asked for at the same time; beyond, who asks is told that there is no such alias. */
const MAX_ASKED = 100

export class AliasQueries implements AliasMaker {
  readonly #appservices: Appservices
  readonly #client: AppserviceClient
  /** Of several who ask for one alias at the same time, the first asks for all. */
  readonly #asked = new Map<RoomAlias, Promise<boolean>>()

  constructor({ appservices, client }: { appservices: Appservices; client: AppserviceClient }) {
    this.#appservices = appservices
    this.#client = client
  }

  async make(alias: RoomAlias): Promise<boolean> {
    const asked = this.#asked.get(alias)
    if (asked) return await asked
    if (this.#asked.size >= MAX_ASKED) return false
    const answer = this.#ask(alias).finally(() => this.#asked.delete(alias))
    this.#asked.set(alias, answer)
    return await answer
  }

  async #ask(alias: RoomAlias): Promise<boolean> {
    const path = `/v1/rooms/${encodeURIComponent(alias)}`
    for (const appservice of this.#appservices.all) {
      if (!appservice.aliases.some(({ matches }) => matches(alias))) continue
      const made = await this.#client.ask(appservice, { method: 'GET', path, timeoutMs: TIMEOUT_MS })
      if (made !== undefined) return true
    }
    return false
  }
}
