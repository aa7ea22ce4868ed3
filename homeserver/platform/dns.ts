/**
 * Names to addresses, kept for as long as their records say. By c-ares, which takes no thread of the pool that files and
 * the database need, so that names nobody answers for slow nothing else down (T99).
 */
import { randomInt } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { type Clock, systemClock } from './clock.ts'
import { Lru } from './lru.ts'

export interface Dns {
  /** The IPv4 and IPv6 addresses of a name, by the hosts file or else by DNS. Rejects if there are none. */
  addresses(host: string): Promise<readonly string[]>
  /** The SRV records of a name in the order in which to try them; none if there are none or nobody answers. */
  services(name: string): Promise<readonly ServiceRecord[]>
}

export interface ServiceRecord {
  readonly name: string
  readonly port: number
}

/** What is asked of `node:dns`. */
export interface DnsQueries {
  resolve4(host: string, options: { ttl: true }): Promise<readonly AddressRecord[]>
  resolve6(host: string, options: { ttl: true }): Promise<readonly AddressRecord[]>
  resolveSrv(name: string): Promise<readonly (ServiceRecord & { priority: number; weight: number })[]>
}

interface AddressRecord {
  readonly address: string
  /** In seconds. */
  readonly ttl: number
}

export interface DnsOptions {
  readonly queries?: DnsQueries
  readonly clock?: Clock
  /** Text of the hosts file. */
  readonly hosts?: () => Promise<string>
}

const MAX_NAMES = 20_000
/** How long an answer is kept: at least and at most, whatever its records say, and when it has no word on that. */
const ttl = { least: 30_000, most: 3_600_000, services: 300_000, failure: 30_000, hosts: 60_000 } as const

class NameNotFoundError extends Error {
  override name = 'NameNotFoundError'
  readonly code = 'ENOTFOUND'
}

export function createDns({
  queries = new Resolver({ timeout: 2_000, tries: 2 }),
  clock = systemClock,
  hosts = () => readFile('/etc/hosts', 'utf8'),
}: DnsOptions = {}): Dns {
  const remember = memory(clock)
  const addressesOf = remember<readonly string[]>((host) => queryAddresses(queries, host))
  const servicesOf = remember<readonly WeighedService[]>((name) => queryServices(queries, name))
  const hostsFile = remember<ReadonlyMap<string, readonly string[]>>(async () => ({
    value: parseHosts(await hosts().catch(() => '')),
    keepMs: ttl.hosts,
  }))
  return {
    async addresses(host) {
      if (isIP(host) !== 0) return [host]
      const name = host.toLowerCase().replace(/\.$/, '')
      return (await hostsFile('')).get(name) ?? (await addressesOf(name))
    },
    services: async (name) => inOrder(await servicesOf(name.toLowerCase())),
  }
}

interface Kept<T> {
  readonly value: T
  readonly keepMs: number
}

/** Asks once for all who want to know at the same time, and again when what was found has become old. */
function memory(clock: Clock): <T>(ask: (name: string) => Promise<Kept<T>>) => (name: string) => Promise<T> {
  return (ask) => {
    type Answer = Awaited<ReturnType<typeof ask>>
    const kept = new Lru<string, { readonly answer: Promise<Answer>; until: number }>(MAX_NAMES)
    return async (name) => {
      const known = kept.get(name)
      if (known && known.until > clock.monotonic()) return (await known.answer).value
      const entry = { answer: ask(name), until: Infinity }
      kept.set(name, entry)
      const keep = (ms: number): void => void (entry.until = clock.monotonic() + ms)
      entry.answer.then(
        ({ keepMs }) => keep(keepMs),
        () => keep(ttl.failure),
      )
      return (await entry.answer).value
    }
  }
}

async function queryAddresses(queries: DnsQueries, host: string): Promise<Kept<readonly string[]>> {
  const answers = await Promise.allSettled([
    queries.resolve4(host, { ttl: true }),
    queries.resolve6(host, { ttl: true }),
  ])
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  if (records.length === 0) {
    const [first] = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []))
    throw new NameNotFoundError(`${host} has no address`, { cause: first })
  }
  const shortest = Math.min(...records.map((record) => record.ttl)) * 1000
  return {
    value: records.map(({ address }) => address),
    keepMs: Math.min(ttl.most, Math.max(ttl.least, shortest)),
  }
}

type WeighedService = Awaited<ReturnType<DnsQueries['resolveSrv']>>[number]

async function queryServices(queries: DnsQueries, name: string): Promise<Kept<readonly WeighedService[]>> {
  try {
    const records = await queries.resolveSrv(name)
    // A single record with the name "." says that the service is not offered.
    return { value: records.filter((record) => record.name !== '' && record.name !== '.'), keepMs: ttl.services }
  } catch {
    return { value: [], keepMs: ttl.failure }
  }
}

/** Least priority first; among equals at random, by weight. https://www.rfc-editor.org/rfc/rfc2782 */
function inOrder(records: readonly WeighedService[]): readonly ServiceRecord[] {
  if (records.length < 2) return records
  // A race of exponential clocks: who has twice the weight wins twice as often.
  const drawn = records.map((record) => ({
    record,
    arrival: -Math.log(randomInt(1, 2 ** 32) / 2 ** 32) / (record.weight + 0.01),
  }))
  drawn.sort((a, b) => a.record.priority - b.record.priority || a.arrival - b.arrival)
  return drawn.map(({ record }) => record)
}

/** Addresses by name. */
function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) found.set(name.toLowerCase(), [...(found.get(name.toLowerCase()) ?? []), address])
  }
  return found
}
