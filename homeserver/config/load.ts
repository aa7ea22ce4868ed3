/** Files, environment and secret files → one frozen `Config`, or a list of everything that is wrong with them. */
import type { z } from 'zod'
import { messageOf } from '../platform/caught.ts'
import { type Config, type Parsed, profiles, schema } from './schema.ts'
import { findSetting, type Setting, settings } from './settings.ts'
import { fromEnvironment } from './environment.ts'
import { Secret } from '../platform/secret.ts'
import { suggest } from './suggest.ts'
import { type ConfigFile, ConfigText } from './text.ts'

export interface ConfigSources {
  /** Later files win over earlier ones. */
  readonly files: readonly ConfigFile[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads what a `*_file` setting names; throws as `readFileSync` does. */
  readonly readFile: (path: string) => string
}

/** The configuration cannot be used. One problem a line, each with its place. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

export interface LoadedConfig {
  readonly config: Config
  /** For each setting that somebody set: where. Keys as in `media.max_upload`. */
  readonly origins: ReadonlyMap<string, string>
}

/** Throws `ConfigError`. */
export const loadConfig = (sources: ConfigSources): Config => readConfig(sources).config

/** Like `loadConfig`, and tells where each setting comes from. Throws `ConfigError`. */
export function readConfig({ files, env, readFile }: ConfigSources): LoadedConfig {
  const problems: string[] = []
  const values = emptyTree()
  const origins = new Map<string, string>()
  const texts = files.map((file) => new ConfigText(file))
  for (const text of texts) {
    problems.push(...text.problems)
    merge(values, text.values, (path) => origins.set(path.join('.'), text.place(path)))
  }
  if (problems.length > 0) throw new ConfigError(problems)

  const environment = fromEnvironment(env)
  problems.push(...environment.problems)
  merge(values, environment.values, (path) => {
    const setting = findSetting(path) ?? findSetting(path.slice(0, -1)) // or a member of one
    origins.set(path.join('.'), setting?.env ?? '')
  })
  readSecrets(values, readFile, (key, problem) => problems.push(`${origins.get(key)}  ${key}: ${problem}`))

  const result = schema.safeParse(withProfile(values))
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => explain(issue, values, texts, origins)))
  if (result.success) {
    for (const [key, problem] of contradictions(result.data))
      problems.push(`${origins.get(key) ?? 'config'}  ${key}: ${problem}`)
  }
  if (!result.success || problems.length > 0) throw new ConfigError(problems.toSorted(byPlace))
  return { config: deepFreeze(derive(result.data, readFile)), origins }
}

const byPlace = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true })

type Tree = { [key: string]: unknown }

/** Without a prototype: whatever a file calls its keys, they are keys (T97). */
const emptyTree = (): Tree => Object.create(null) as Tree

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Puts `from` over `onto`, section by section. An empty section or value sets nothing. */
function merge(onto: Tree, from: Tree, each: (path: string[]) => void, above: string[] = []): void {
  for (const [key, value] of Object.entries(from)) {
    if (value === null || value === undefined) continue
    const path = [...above, key]
    const under = onto[key]
    if (!isTree(value)) {
      onto[key] = value
      each(path)
    } else {
      const section = isTree(under) ? under : emptyTree()
      onto[key] = section
      merge(section, value, each, path)
    }
  }
}

function withProfile(values: Tree): Tree {
  const chosen = values['profile'] ?? schema.shape.profile.parse(undefined)
  const combined = emptyTree()
  const ignore = () => undefined
  if (typeof chosen === 'string' && Object.hasOwn(profiles, chosen)) {
    merge(combined, profiles[chosen as keyof typeof profiles], ignore) // hasOwn has just shown that it is one
  }
  merge(combined, values, ignore)
  return combined
}

function readSecrets(
  values: Tree,
  readFile: (path: string) => string,
  complain: (key: string, problem: string) => void,
) {
  for (const { path, key, secret } of settings) {
    if (!secret) continue
    const section = path.length > 1 ? path.slice(0, -1).reduce<unknown>(step, values) : values
    const name = path.at(-1)
    const file = isTree(section) ? section[`${name}_file`] : undefined
    if (!isTree(section) || name === undefined || typeof file !== 'string') continue
    if (section[name] !== undefined) {
      complain(`${key}_file`, `${key} is set too; give one of them`)
      continue
    }
    try {
      section[name] = readFile(file).replace(/\r?\n$/, '')
    } catch (error) {
      complain(`${key}_file`, `cannot read ${file}: ${messageOf(error)}`)
    }
  }
}

const step = (value: unknown, key: string): unknown =>
  isTree(value) ? value[key] : Array.isArray(value) ? value[Number(key)] : undefined

function explain(
  issue: z.core.$ZodIssue,
  values: Tree,
  texts: readonly ConfigText[],
  origins: ReadonlyMap<string, string>,
): string[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => {
      const unknown = [...path, name]
      const meant = suggestKey(unknown)
      return `${placeOf(unknown, texts, origins)}  ${unknown.join('.')}: unknown key${meant ? `; did you mean ${meant}?` : ''}`
    })
  }
  const setting = settingOf(path)
  const value = path.reduce<unknown>(step, values)
  const meant = setting && suggestValue(setting, value)
  return [
    `${placeOf(path, texts, origins)}  ${path.join('.')}: ${issue.message} expected` +
      (value === undefined || setting?.secret ? '' : `, not ${show(value)}`) +
      (meant ? `; did you mean ${meant}?` : ''),
  ]
}

/** What is inside of a list belongs to its list. */
function settingOf(path: readonly string[]): Setting | undefined {
  const setting = findSetting(path)
  return setting || path.length === 0 ? setting : settingOf(path.slice(0, -1))
}

function placeOf(path: readonly string[], texts: readonly ConfigText[], origins: ReadonlyMap<string, string>): string {
  const setBy = origins.get(settingOf(path)?.key ?? '')
  if (setBy?.startsWith('DOMOVOI_')) return setBy
  return texts.findLast((text) => text.has(path))?.place(path) ?? texts.at(-1)?.place(path) ?? 'config'
}

/** A key of the same section that is spelled nearly so, or the same key where it belongs. */
function suggestKey(path: readonly string[]): string | undefined {
  const name = path.at(-1) ?? ''
  const section = path.slice(0, -1).join('.')
  const siblings = settings.filter((setting) => setting.path.slice(0, -1).join('.') === section)
  const near = suggest(
    name,
    siblings.map((setting) => setting.path.at(-1) ?? ''),
  )
  if (near !== undefined) return section === '' ? near : `${section}.${near}`
  return (
    settings.find((setting) => setting.path.at(-1) === name)?.key ??
    suggest(
      path.join('.'),
      settings.map((setting) => setting.key),
    )
  )
}

const suggestValue = (setting: Setting, value: unknown): string | undefined =>
  typeof value === 'string' ? suggest(value, setting.options) : undefined

/** As JSON, shortened, and without the password that an address may carry. */
export function show(value: unknown): string {
  const text = JSON.stringify(value).replace(/(\/\/[^/:@\s]*:)[^@\s]*@/g, '$1…@')
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

/** What is right by itself but not together. */
function* contradictions(config: Parsed): Generator<[key: string, problem: string]> {
  const { registration, tls, media, calls, federation, rooms, telegram, server_name } = config
  if (registration.mode === 'open' && !registration.i_accept_abuse_risk) {
    yield ['registration.mode', 'open needs registration.i_accept_abuse_risk: true']
  }
  const policyIds = registration.terms.map(({ id }) => id)
  const twice = policyIds.find((id, index) => policyIds.indexOf(id) !== index)
  if (twice !== undefined) yield ['registration.terms', `two documents have the id ${twice}`]
  const providerIds = ['telegram', ...config.auth.providers.map(({ id }) => id)]
  const repeated = providerIds.find((id, index) => providerIds.indexOf(id) !== index)
  if (repeated !== undefined) yield ['auth.providers', `two providers have the id ${repeated}`]
  if (tls.mode === 'files' && !(tls.cert && tls.key)) yield ['tls.mode', 'files needs tls.cert and tls.key']
  if (tls.mode === 'files' && tls.port === config.listen.port && tls.port !== 0) {
    yield ['tls.port', `is ${tls.port} like listen.port; they must differ`]
  }
  if (registration.email === 'required' && config.mail.host === undefined) {
    yield ['registration.email', 'required needs mail.host']
  }
  if (media.store === 's3') {
    for (const key of ['endpoint', 'bucket', 'access_key_id', 'secret_access_key'] as const) {
      if (!media.s3[key]) yield ['media.store', `s3 needs media.s3.${key}`]
    }
  }
  if (config.backup.s3.bucket !== undefined) {
    for (const key of ['endpoint', 'access_key_id', 'secret_access_key'] as const) {
      if (!config.backup.s3[key]) yield ['backup.s3.bucket', `needs backup.s3.${key}`]
    }
  }
  if (calls.sfu === 'external') {
    for (const key of ['livekit_url', 'api_key', 'api_secret'] as const) {
      if (!calls[key]) yield ['calls.sfu', `external needs calls.${key}`]
    }
  }
  if (calls.turn.uris.length > 0 && !calls.turn.secret) yield ['calls.turn.uris', 'need calls.turn.secret']
  const { default: usual = Infinity, min, max = Infinity } = rooms.retention
  if (min > max) yield ['rooms.retention.min', 'is longer than rooms.retention.max']
  if (telegram.login.client_id !== undefined && !telegram.login.client_secret) {
    yield ['telegram.login.client_id', 'needs telegram.login.client_secret']
  }
  if (telegram.login.widget && !telegram.bot_token) yield ['telegram.login.widget', 'needs telegram.bot_token']
  if (rooms.retention.default !== undefined && (usual < min || usual > max)) {
    yield ['rooms.retention.default', 'is not between rooms.retention.min and rooms.retention.max']
  }
  if (federation.mode === 'open' && hostOf(server_name) === 'localhost') {
    yield ['federation.mode', 'open needs a server_name that other servers can find, not localhost']
  }
}

const hostOf = (serverName: string): string => serverName.replace(/:\d+$/, '')

/** Where the first start puts the secret that `registration.shared_secret` stands for. */
export const sharedSecretFile = (dataDir: string): string => `${dataDir}/secrets/registration_shared_secret`

function derive(config: Parsed, readFile: ConfigSources['readFile']): Config {
  const { server_name, listen, data_dir, database, media, registration } = config
  const local = hostOf(server_name) === 'localhost'
  const publicUrl = config.public_url ?? (local ? `http://localhost:${listen.port}` : `https://${server_name}`)
  return {
    ...config,
    public_url: publicUrl.replace(/\/+$/, ''),
    database: { ...database, url: database.url ?? `sqlite:${data_dir}/domovoi.db` },
    media: { ...media, path: media.path ?? `${data_dir}/media` },
    registration: { ...registration, shared_secret: registration.shared_secret ?? generatedSecret(data_dir, readFile) },
  }
}

function generatedSecret(dataDir: string, readFile: ConfigSources['readFile']): Secret | undefined {
  try {
    return new Secret(readFile(sharedSecretFile(dataDir)).trim())
  } catch {
    return undefined // before the first start there is none
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
