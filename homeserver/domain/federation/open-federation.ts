/** Builds what talks with other servers. With `federation.mode: off` it is there and talks with nobody. */
import type { Config } from '../../config/schema.ts'
import type { Signer, SigningKey } from '../../core/signing.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Dns } from '../../platform/dns.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Tracing } from '../../platform/tracing.ts'
import type { Database } from '../../storage/database.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import type { DirectoryHooks } from '../directory/hooks.ts'
import { RequestAuthenticator } from './authenticate-request.ts'
import { FederationClient } from './client.ts'
import { Destinations } from './destinations.ts'
import { createKeySource } from './key-source.ts'
import { Entrances } from './entrances.ts'
import { KeyRing } from './keys.ts'
import { Notary } from './notary.ts'
import { OwnKeys } from './own-keys.ts'
import { FederatedDirectory } from './remote-directory.ts'
import { FederatedProfiles } from './remote-profiles.ts'
import { createResolveServer } from './resolve-server.ts'
import type { RoomServers } from './room-servers.ts'
import { ServerAcls } from './server-acl.ts'
import type { Outbox } from './outbox.ts'
import { FederationSender } from './sender.ts'
import type { ServerFilter } from './server-filter.ts'
import { WellKnown } from './well-known.ts'

export interface OpenFederationParts {
  readonly config: Config
  readonly database: Database
  readonly bus: Bus
  readonly clock: Clock
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly dns: Dns
  readonly fetch: Fetcher
  readonly signer: Signer
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]]
  readonly hooks: AccountHooks
  readonly directoryHooks: DirectoryHooks
  readonly roomServers: RoomServers
  readonly outbox: Outbox
  readonly mayTalkTo: ServerFilter
}

export interface FederationServices {
  readonly federationClient: FederationClient
  readonly keyRing: KeyRing
  readonly ownKeys: OwnKeys
  readonly notary: Notary
  readonly destinations: Destinations
  readonly mayTalkTo: ServerFilter
  readonly serverAcls: ServerAcls
  readonly roomServers: RoomServers
  readonly outbox: Outbox
  readonly entrances: Entrances
  readonly federationSender: FederationSender
}

export async function openFederation(
  parts: OpenFederationParts,
): Promise<
  FederationServices & { readonly serverAuthenticator: RequestAuthenticator; readonly runnable: readonly Service[] }
> {
  const { config, database, bus, clock, metrics, tracing, dns, fetch, signer, signingKeys } = parts
  const { roomServers, outbox, mayTalkTo } = parts
  const { serverName } = signer
  const destinations = new Destinations({ clock })
  const resolveServer = createResolveServer({ dns, wellKnown: new WellKnown({ fetch, clock }) })
  const federationClient = new FederationClient({
    signer,
    fetch,
    resolveServer,
    mayTalkTo,
    destinations,
    metrics,
    clock,
    tracing,
  })
  const ownKeys = await OwnKeys.open({ serverName, database, clock, signingKeys })
  const source = createKeySource({
    client: federationClient,
    notaryVerifier: (notary, keyId) => keyRing.verifierFor(notary, keyId, clock.now()),
  })
  if (config.federation.mode === 'open') {
    parts.hooks.remoteProfiles.push(new FederatedProfiles({ client: federationClient, clock }))
    parts.directoryHooks.remoteDirectories.push(new FederatedDirectory({ client: federationClient }))
  }
  const notaries = config.federation.key_servers
  const keyRing: KeyRing = new KeyRing({ serverName, ownKeys, source, notaries, mayTalkTo, database, clock })
  const notary = new Notary({ signer, ownKeys, keyRing, database, clock })
  const serverAuthenticator = new RequestAuthenticator({ serverName, keyRing, mayTalkTo, destinations, clock })
  const serverAcls = new ServerAcls({ database, bus })
  const federationSender = new FederationSender({ ...parts, client: federationClient, destinations, serverName })
  return {
    federationClient,
    keyRing,
    ownKeys,
    notary,
    destinations,
    mayTalkTo,
    serverAcls,
    roomServers,
    outbox,
    entrances: new Entrances(parts),
    federationSender,
    serverAuthenticator,
    runnable: config.federation.mode === 'open' ? [federationSender] : [],
  }
}
