/** The way out, as the configuration has it. */
import { readFile } from 'node:fs/promises'
import type { Config } from './config/schema.ts'
import type { Clock } from './platform/clock.ts'
import type { Dns } from './platform/dns.ts'
import { createFetcher, type Fetcher } from './platform/fetch.ts'

/** Throws if `outgoing.ca_file` cannot be read. Whoever opens it closes it. */
export async function openOutgoing({ outgoing }: Config, { dns, clock }: { dns: Dns; clock: Clock }): Promise<Fetcher> {
  const ca = outgoing.ca_file === undefined ? undefined : [await readFile(outgoing.ca_file, 'utf8')]
  return createFetcher({
    allow: outgoing.allow_ranges,
    resolve: (host) => dns.addresses(host),
    clock,
    ...(ca ? { ca } : {}),
  })
}
