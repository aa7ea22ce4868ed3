/** Application services, from their registration files. https://spec.matrix.org/v1.19/application-service-api/#registration */
import { parse } from 'yaml'
import { z } from 'zod'
import { refuse, unknownToken } from '../../core/errors.ts'
import {
  isUserLocalpart,
  localpartOf,
  type RoomAlias,
  type ServerName,
  serverNameOf,
  type UserId,
} from '../../core/ids.ts'
import { Secret } from '../../platform/secret.ts'
import { hashToken } from './session-token.ts'

const namespace = z.object({ regex: z.string(), exclusive: z.boolean() })
const namespaces = z.array(namespace).nullish()

const registration = z.object({
  id: z.string().min(1),
  /** Null, or empty: the service wants to hear nothing. */
  url: z
    .string()
    .regex(/^$|^(https?:\/\/|unix:)[^\s?#]+$/, 'must be an http, https or unix URL')
    .nullish(),
  as_token: z.string().min(1),
  hs_token: z.string().min(1),
  sender_localpart: z.string().refine(isUserLocalpart, 'must be a localpart of lower case letters'),
  namespaces: z.object({ users: namespaces, aliases: namespaces, rooms: namespaces }),
  rate_limited: z.boolean().nullish(),
  protocols: z.array(z.string()).nullish(),
  receive_ephemeral: z.boolean().nullish(),
  'de.sorunome.msc2409.push_ephemeral': z.boolean().nullish(),
  'org.matrix.msc3202': z.boolean().nullish(),
  'org.domovoi.legacy_authorization': z.boolean().nullish(),
  'org.domovoi.puppets': z.string().nullish(),
})

interface Namespace {
  /** Whether an id is in it. */
  readonly matches: (id: string) => boolean
  readonly exclusive: boolean
}

export interface Appservice {
  readonly id: string
  readonly url: string | undefined
  /** How we prove to it who we are. */
  readonly hsToken: Secret
  readonly sender: UserId
  readonly users: readonly Namespace[]
  readonly aliases: readonly Namespace[]
  readonly rooms: readonly Namespace[]
  /** Whether rate limits count for its users; for its sender they never do. */
  readonly isRateLimited: boolean
  readonly protocols: readonly string[]
  readonly receivesEphemeral: boolean
  /** Whether it is told of device lists and one-time keys, and gets the messages to its users' devices for good. */
  readonly receivesEncryption: boolean
  /** Whether requests to it have our token in their query too, as before version 1.4 of the specification. */
  readonly usesLegacyAuthorization: boolean
  /** It may act as those, too, who have linked their account with themselves at this login provider. */
  readonly puppetProvider: string | undefined
}

export interface RegistrationFile {
  readonly path: string
  readonly text: string
}

interface Loaded {
  readonly all: readonly Appservice[]
  readonly byToken: ReadonlyMap<string, Appservice>
  readonly byId: ReadonlyMap<string, Appservice>
}

interface Listener {
  /** There are other registrations now; every `Appservice` is a new object. */
  reloaded?(): void
  /** The service has asked us something, so it is there. */
  heard?(appservice: Appservice): void
}

export class Appservices {
  readonly #serverName: ServerName
  #loaded: Loaded
  #listeners: readonly Listener[] = []

  /** Throws with the file's path for a registration that cannot be used, or an id or token that another one has. */
  constructor({ files, serverName }: { files: readonly RegistrationFile[]; serverName: ServerName }) {
    this.#serverName = serverName
    this.#loaded = loadAll(files, serverName)
  }

  /** In the order of the configuration. */
  get all(): readonly Appservice[] {
    return this.#loaded.all
  }

  /** Puts other registrations in the place of those there are. Throws as the constructor does, and then changes nothing. */
  reload(files: readonly RegistrationFile[]): void {
    this.#loaded = loadAll(files, this.#serverName)
    for (const listener of this.#listeners) listener.reloaded?.()
  }

  subscribe(listener: Listener): void {
    this.#listeners = [...this.#listeners, listener]
  }

  find(id: string): Appservice | undefined {
    return this.#loaded.byId.get(id)
  }

  /** By its `as_token`. Throws `M_UNKNOWN_TOKEN`. */
  getByToken(token: string): Appservice {
    const appservice = this.#loaded.byToken.get(hashToken(token))
    if (!appservice) throw unknownToken({ soft: false })
    for (const listener of this.#listeners) listener.heard?.(appservice)
    return appservice
  }

  /** Throws `M_EXCLUSIVE` if another application service than `asker` has the user to itself. */
  refuseForeignUser(userId: UserId, asker?: Appservice): void {
    const owner = this.all.find((appservice) => appservice !== asker && ownsUser(appservice, userId))
    if (owner) throw refuse(400, 'M_EXCLUSIVE', 'The user id is reserved for an application service')
  }

  /** Throws `M_EXCLUSIVE` if the alias is another's alone, or not in the namespaces of the service that asks. */
  checkAlias(alias: RoomAlias, askerId: string | undefined): void {
    this.refuseForeignAlias(alias, askerId)
    if (askerId !== undefined && !this.isNamespaceOf(askerId, alias)) {
      throw refuse(400, 'M_EXCLUSIVE', 'The alias is not in a namespace of the application service')
    }
  }

  /** Throws `M_EXCLUSIVE` if another application service than the one that asks has the alias to itself. */
  refuseForeignAlias(alias: RoomAlias, askerId: string | undefined): void {
    const owner = this.all.find(({ aliases }) => aliases.some((one) => one.exclusive && one.matches(alias)))
    if (owner && owner.id !== askerId) {
      throw refuse(400, 'M_EXCLUSIVE', 'The alias is reserved for an application service')
    }
  }

  isNamespaceOf(id: string | undefined, alias: RoomAlias): boolean {
    const appservice = id === undefined ? undefined : this.find(id)
    return appservice?.aliases.some(({ matches }) => matches(alias)) === true
  }
}

/** Whether nobody else may have this user: the service's sender, or one of its exclusive namespaces. */
export function ownsUser(appservice: Appservice, userId: UserId): boolean {
  return userId === appservice.sender || appservice.users.some((users) => users.exclusive && users.matches(userId))
}

/** Whether an application service may act as the user: its own sender, or one of its namespace on this server. */
export function mayActAs(appservice: Appservice, userId: UserId): boolean {
  if (userId === appservice.sender) return true
  const isLocal = serverNameOf(userId) === serverNameOf(appservice.sender)
  return isLocal && localpartOf(userId) !== '' && appservice.users.some(({ matches }) => matches(userId))
}

function loadAll(files: readonly RegistrationFile[], serverName: ServerName): Loaded {
  const loaded = files.map((file) => load(file, serverName))
  return {
    all: loaded.map(({ appservice }) => appservice),
    byToken: uniqueBy('as_token', loaded, ({ token }) => hashToken(token)),
    byId: uniqueBy('id', loaded, ({ appservice }) => appservice.id),
  }
}

function load({ path, text }: RegistrationFile, serverName: ServerName): { appservice: Appservice; token: string } {
  try {
    const parsed = registration.parse(parse(text))
    if (parsed.as_token === parsed.hs_token) throw new Error('as_token and hs_token must differ')
    const { users, aliases, rooms } = parsed.namespaces
    const appservice: Appservice = {
      id: parsed.id,
      url: parsed.url || undefined,
      hsToken: new Secret(parsed.hs_token),
      sender: `@${parsed.sender_localpart}:${serverName}`,
      users: compile(users),
      aliases: compile(aliases),
      rooms: compile(rooms),
      isRateLimited: parsed.rate_limited ?? true,
      protocols: parsed.protocols ?? [],
      receivesEphemeral: parsed.receive_ephemeral ?? parsed['de.sorunome.msc2409.push_ephemeral'] ?? false,
      receivesEncryption: parsed['org.matrix.msc3202'] ?? false,
      usesLegacyAuthorization: parsed['org.domovoi.legacy_authorization'] ?? false,
      puppetProvider: parsed['org.domovoi.puppets'] ?? undefined,
    }
    return { appservice, token: parsed.as_token }
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw new Error(`${path} is not a registration of an application service: ${reason}`, { cause: error })
  }
}

/** Bridges write expressions that need not match to the end, such as `@_irc_.*`. */
function compile(list: z.output<typeof namespaces>): Namespace[] {
  return (list ?? []).map(({ regex, exclusive }) => {
    const expression = new RegExp(`^(?:${regex})`)
    return { exclusive, matches: (id) => expression.test(id) }
  })
}

function uniqueBy<T extends { appservice: Appservice }>(
  what: string,
  loaded: readonly T[],
  keyOf: (one: T) => string,
): Map<string, Appservice> {
  const map = new Map<string, Appservice>()
  for (const one of loaded) {
    const key = keyOf(one)
    const other = map.get(key)
    if (other) throw new Error(`The application services ${other.id} and ${one.appservice.id} have the same ${what}`)
    map.set(key, one.appservice)
  }
  return map
}
