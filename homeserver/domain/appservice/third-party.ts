/** Networks that application services bridge to, and who and what is there. https://spec.matrix.org/v1.19/application-service-api/#third-party-networks */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'
import type { Appservice, Appservices } from '../accounts/appservices.ts'
import type { AppserviceClient } from './client.ts'

export type EntityKind = 'user' | 'location'

interface Protocol {
  readonly json: JsonObject
  readonly at: number
}

/** How long what a service says of a protocol is believed; clients ask for it whenever they show the room directory. */
const PROTOCOL_MS = 60 * 60_000
const MAX_PROTOCOLS = 1_000
const TIMEOUT_MS = 10_000
/** The name of what an entity is called here. */
const idNames = { user: 'userid', location: 'alias' } as const

/** A service that tells nothing of a protocol has no instances that could be looked through. */
const unknownProtocol: JsonObject = { user_fields: [], location_fields: [], icon: '', field_types: {}, instances: [] }

export class ThirdParty {
  readonly #appservices: Appservices
  readonly #client: AppserviceClient
  readonly #clock: Clock
  /** By service and protocol. */
  readonly #protocols = new Lru<string, Protocol>(MAX_PROTOCOLS)

  constructor(parts: { appservices: Appservices; client: AppserviceClient; clock: Clock }) {
    this.#appservices = parts.appservices
    this.#client = parts.client
    this.#clock = parts.clock
    parts.appservices.subscribe({ reloaded: () => this.#protocols.clear() })
  }

  async protocols(): Promise<Readonly<Record<string, JsonObject>>> {
    const names = new Set(this.#appservices.all.flatMap(({ protocols }) => protocols))
    const known = await Promise.all([...names].map(async (name) => [name, await this.protocol(name)] as const))
    return Object.fromEntries(known.flatMap(([name, protocol]) => (protocol ? [[name, protocol]] : [])))
  }

  /** What all services that have the protocol say of it. Undefined if none has. */
  async protocol(name: string): Promise<JsonObject | undefined> {
    const appservices = this.#with(name)
    if (appservices.length === 0) return undefined
    const told = await Promise.all(appservices.map((appservice) => this.#protocolOf(appservice, name)))
    const [first = unknownProtocol] = told.filter((protocol) => protocol !== unknownProtocol)
    return { ...first, instances: told.flatMap((protocol) => protocol['instances'] as Json[]) } // looked at when it came
  }

  /** Users or rooms by what the network knows of them. */
  async find(kind: EntityKind, protocol: string, fields: URLSearchParams): Promise<JsonObject[]> {
    const path = `/v1/thirdparty/${kind}/${encodeURIComponent(protocol)}`
    return await this.#ask(this.#with(protocol), kind, path, fields)
  }

  /** What a user id or an alias of this server stands for elsewhere. */
  async findByName(kind: EntityKind, name: string): Promise<JsonObject[]> {
    const owners = this.#appservices.all.filter(({ users, aliases, protocols }) => {
      const namespaces = kind === 'user' ? users : aliases
      return protocols.length > 0 && namespaces.some(({ matches }) => matches(name))
    })
    return await this.#ask(owners, kind, `/v1/thirdparty/${kind}`, new URLSearchParams({ [idNames[kind]]: name }))
  }

  async #ask(
    appservices: readonly Appservice[],
    kind: EntityKind,
    path: string,
    query: URLSearchParams,
  ): Promise<JsonObject[]> {
    const answers = await Promise.all(
      appservices.map((appservice) =>
        this.#client.ask(appservice, { method: 'GET', path, query, timeoutMs: TIMEOUT_MS }),
      ),
    )
    return answers.flatMap((answer) => (Array.isArray(answer) ? answer.filter((one) => isEntity(one, kind)) : []))
  }

  async #protocolOf(appservice: Appservice, name: string): Promise<JsonObject> {
    const key = JSON.stringify([appservice.id, name])
    const known = this.#protocols.get(key)
    const now = this.#clock.monotonic()
    if (known && now - known.at < PROTOCOL_MS) return known.json
    const path = `/v1/thirdparty/protocol/${encodeURIComponent(name)}`
    const json = await this.#client.ask(appservice, { method: 'GET', path, timeoutMs: TIMEOUT_MS })
    if (!isJsonObject(json) || !Array.isArray(json['instances'])) return unknownProtocol
    const instances = json['instances'].filter(isJsonObject).map((instance) => withId(instance, appservice))
    const protocol = { ...json, instances }
    this.#protocols.set(key, { json: protocol, at: now })
    return protocol
  }

  #with(protocol: string): Appservice[] {
    return this.#appservices.all.filter(({ protocols }) => protocols.includes(protocol))
  }
}

/** Names the instance for requests for the room directory. */
function withId(instance: JsonObject, { id }: Appservice): JsonObject {
  const network = instance['network_id']
  return typeof network === 'string' ? { ...instance, instance_id: `${id}|${network}` } : instance
}

function isEntity(value: Json, kind: EntityKind): value is JsonObject {
  if (!isJsonObject(value)) return false
  const { protocol, fields, [idNames[kind]]: name } = value
  return typeof protocol === 'string' && typeof name === 'string' && isJsonObject(fields)
}
