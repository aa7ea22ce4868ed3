/** Builds what group calls need, where there is an SFU for them: one that we run, or one that runs elsewhere. */
import { readFile } from 'node:fs/promises'
import type { Config } from '../../config/schema.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import { createFetcher, type Fetcher } from '../../platform/fetch.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { Secret } from '../../platform/secret.ts'
import type { Database } from '../../storage/database.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import type { Deactivation } from '../accounts/deactivation.ts'
import type { OpenIdTokens } from '../accounts/openid-tokens.ts'
import type { FederationClient } from '../federation/client.ts'
import type { ServerAcls } from '../federation/server-acl.ts'
import type { ServerFilter } from '../federation/server-filter.ts'
import type { Members } from '../rooms/members.ts'
import type { StickyEvents } from '../rooms/sticky-events.ts'
import type { Memberships } from '../rooms/membership.ts'
import type { RoomState } from '../rooms/state.ts'
import type { RoomWriter } from '../rooms/writer.ts'
import { CallHistory } from './call-history.ts'
import { CallAccess } from './call-access.ts'
import { CallGuests } from './call-guests.ts'
import { CallLinks } from './call-links.ts'
import { CallTokens } from './call-tokens.ts'
import type { DelayedEvents } from './delayed-events.ts'
import { DelegatedLeaves } from './delegated-leaves.ts'
import { Doorkeeper, type Watcher } from './doorkeeper.ts'
import { ownLivekitKey } from './livekit-key.ts'
import { LiveCalls } from './live-calls.ts'
import { ManagedLivekit } from './managed-livekit.ts'
import { OpenIdCheck } from './openid-check.ts'
import { RemoteTokens } from './remote-tokens.ts'
import { Sfu, type SfuPlace } from './sfu.ts'
import { Webhooks } from './webhook.ts'

const log = logger('calls')

export interface Calls {
  /** Where clients find what is below, without a slash at the end. */
  readonly serviceUrl: string
  readonly sfuUrl: string
  readonly tokens: CallTokens
  readonly remoteTokens: RemoteTokens
  readonly openId: OpenIdCheck
  readonly leaves: DelegatedLeaves
  readonly webhooks: Webhooks
  readonly live: LiveCalls
  readonly links: CallLinks
  readonly guests: CallGuests
  /** Puts out of calls whom no webhook told of; done from time to time of itself. */
  look(): Promise<void>
  /** The SFU that is reached through this server: `http://…`, undefined while it is down. */
  readonly tunnelTo: (() => string | undefined) | undefined
}

export interface CallServices {
  /** Undefined where there are no group calls. */
  readonly calls: Calls | undefined
  readonly callHistory: CallHistory
}

interface OpenCallsParts {
  readonly config: Config
  readonly clock: Clock
  readonly metrics: Metrics
  readonly background: Background
  readonly database: Database
  readonly bus: Bus
  /** The program `livekit-server` of this machine, if there is one. */
  readonly livekit: string | undefined
  readonly members: Members
  readonly memberships: Memberships
  readonly roomState: RoomState
  readonly writer: RoomWriter
  readonly deactivation: Deactivation
  readonly openIdTokens: OpenIdTokens
  readonly delayedEvents: DelayedEvents
  readonly federationClient: FederationClient
  readonly serverAcls: ServerAcls
  readonly mayTalkTo: ServerFilter
  readonly stickyEvents: StickyEvents
  readonly hooks: Pick<AccountHooks, 'departures'>
}

export async function openCalls(
  parts: OpenCallsParts,
): Promise<CallServices & { readonly runnable: readonly Service[] }> {
  const { config, clock, members, serverAcls: acls, mayTalkTo, federationClient: client } = parts
  const fetch = await fetcherOf(config, clock)
  const found = await findPlace(parts, fetch)
  const sfu = found && new Sfu({ place: found.place, fetch, clock })
  const history = new CallHistory({ ...parts, sfu, keep: config.calls.history })
  parts.hooks.departures.push(history)
  if (!sfu) return { calls: undefined, callHistory: history, runnable: [history] }
  const { place, managed } = found
  const serverName = config.server_name
  const access = new CallAccess({ members, acls, mayTalkTo })
  const remotePublish = config.calls.remote_publish
  const tokens = new CallTokens({ ...parts, sfu, access, serverName, remotePublish })
  const leaves = new DelegatedLeaves({ ...parts, sfu })
  const watchers: Watcher[] = [
    (room, participants) => leaves.watched(room, participants),
    (room, participants) => history.watched(room, participants),
  ]
  const doorkeeper = new Doorkeeper({ ...parts, sfu, access, watchers })
  const webhooks = new Webhooks({
    ...parts,
    key: place.key,
    listeners: [(event) => doorkeeper.took(event), (event) => leaves.took(event), (event) => history.took(event)],
  })
  managed?.onWebhook((body, authorization) => webhooks.receive(body, authorization))
  const serviceUrl = `${config.public_url}/livekit/jwt`
  const links = new CallLinks({ ...parts, areOn: config.calls.guest_links })
  const { max_delay: maxDelay } = config.calls
  const guests = new CallGuests({ ...parts, serverName, serviceUrl, maxDelay, links, tokens, leaves })
  const closing = { name: 'connections to the SFU', stop: () => Promise.resolve(fetch.close()) }
  return {
    calls: {
      serviceUrl,
      sfuUrl: place.publicUrl,
      tokens,
      remoteTokens: new RemoteTokens({ client, tokens }),
      openId: new OpenIdCheck({ serverName, tokens: parts.openIdTokens, client }),
      leaves,
      webhooks,
      live: new LiveCalls({ ...parts, sfu, history }),
      links,
      guests,
      look: () => doorkeeper.look(),
      tunnelTo: managed && (() => managed.internalUrl()),
    },
    callHistory: history,
    runnable: [closing, ...(managed ? [managed] : []), doorkeeper, leaves, history, guests],
  }
}

interface Found {
  readonly place: SfuPlace
  readonly managed: ManagedLivekit | undefined
}

async function findPlace(
  { config, clock, metrics, livekit: program }: OpenCallsParts,
  fetch: Fetcher,
): Promise<Found | undefined> {
  const { calls, data_dir: dataDir, public_url: ownUrl } = config
  if (calls.sfu === 'off') return undefined
  if (calls.sfu === 'external') return { place: externalPlace(config), managed: undefined }
  if (program === undefined) {
    log.debug({}, 'no livekit-server found: no group calls; `npm run calls:install` puts it there')
    return undefined
  }
  const key = await ownLivekitKey(dataDir)
  const publicUrl = `${ownUrl.replace(/^http/, 'ws')}/livekit/sfu`
  const managed = new ManagedLivekit({ program, publicUrl, key, config, clock, fetch, metrics })
  return { place: managed, managed }
}

function externalPlace({ calls }: Config): SfuPlace {
  const { livekit_url: publicUrl = '', livekit_internal_url: inside, api_key: id = '', api_secret } = calls // checked by load.ts
  const internalUrl = (inside ?? publicUrl).replace(/^ws/, 'http').replace(/\/+$/, '')
  return { publicUrl, key: { id, secret: api_secret ?? new Secret('') }, internalUrl: () => internalUrl }
}

/** The administrator named the one address it goes to, so that may be a private one. */
async function fetcherOf({ outgoing }: Config, clock: Clock): Promise<Fetcher> {
  const ca = outgoing.ca_file === undefined ? undefined : [await readFile(outgoing.ca_file, 'utf8')]
  return createFetcher({ deny: [], clock, ...(ca ? { ca } : {}) })
}
