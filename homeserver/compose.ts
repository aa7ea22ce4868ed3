/** Which services there are, and what each is built from, in the order of their dependencies. */
import { Door } from './core/door.ts'
import { CarriedSettings } from './domain/account-data/carried-settings.ts'
import { openAccountData } from './domain/account-data/open-account-data.ts'
import type { AccountHooks } from './domain/accounts/hooks.ts'
import { openAccounts } from './domain/accounts/open-accounts.ts'
import { openHistoryAdmin } from './domain/admin/history/open-history-admin.ts'
import { openAdmin } from './domain/admin/open-admin.ts'
import { openAppservice } from './domain/appservice/open-appservice.ts'
import type { DeviceHooks } from './domain/devices/hooks.ts'
import { openDevices } from './domain/devices/open-devices.ts'
import type { AliasMaker } from './domain/directory/directory.ts'
import type { DirectoryHooks } from './domain/directory/hooks.ts'
import { openDirectory } from './domain/directory/open-directory.ts'
import { openEphemeral } from './domain/ephemeral/open-ephemeral.ts'
import { openAnswers } from './domain/federation/answers/open-answers.ts'
import { openDeviceLists } from './domain/federation/device-lists/open-device-lists.ts'
import { openEdus } from './domain/federation/edus/open-edus.ts'
import { openJoining } from './domain/federation/joining/open-joining.ts'
import { FederatedMediaSource } from './domain/federation/media/media-source.ts'
import { openFederation } from './domain/federation/open-federation.ts'
import { Outbox } from './domain/federation/outbox.ts'
import { openReceiving } from './domain/federation/receive/open-receiving.ts'
import { RoomServers } from './domain/federation/room-servers.ts'
import { ReloadableServerFilter } from './domain/federation/server-filter.ts'
import { openMedia } from './domain/media/open-media.ts'
import { openOAuth } from './domain/oauth/open-oauth.ts'
import { CarriedRules } from './domain/push/carried-rules.ts'
import { openPush } from './domain/push/open-push.ts'
import type { RoomHooks } from './domain/rooms/hooks.ts'
import { openHistory } from './domain/rooms/open-history.ts'
import { openReading } from './domain/rooms/open-reading.ts'
import { openRooms } from './domain/rooms/open-rooms.ts'
import { StickyEvents } from './domain/rooms/sticky-events.ts'
import { LocalRoomWriter } from './domain/rooms/writer.ts'
import { DelayedOutcomes } from './domain/rtc/delayed-outcomes.ts'
import { openCalls } from './domain/rtc/open-calls.ts'
import { openDelayedEvents } from './domain/rtc/open-delayed-events.ts'
import { openSearch } from './domain/search/open-search.ts'
import { openSecondFactors } from './domain/second-factors/open-second-factors.ts'
import { openSso } from './domain/sso/open-sso.ts'
import type { SsoProvider } from './domain/sso/providers.ts'
import { OldSync } from './domain/sync/old-sync.ts'
import { openSync } from './domain/sync/open-sync.ts'
import { openTelegramLogin } from './domain/telegram-login/open-telegram-login.ts'
import type { Authenticator, ServerAuthenticator } from './http/auth.ts'
import type { Services } from './http/services.ts'
import type { Service } from './platform/lifecycle.ts'
import type { Foundation } from './server.ts'

export interface Composition {
  readonly services: Services
  readonly authenticator: Authenticator
  readonly serverAuthenticator: ServerAuthenticator
  /** Those with a life of their own, in the order in which they start. */
  readonly runnable: readonly Service[]
}

/**
 * Each domain is given what was built before it, all in one object: its `open…` names what it takes of that. What an
 * earlier one asks of a later one is in the hooks, which the later one fills.
 */
export async function compose(foundation: Foundation): Promise<Composition> {
  const { config, clock } = foundation
  const ground = { ...foundation, ...emptyHooks(), serverName: config.server_name }

  // People: accounts, what is kept for them, their devices, and the ways to log in.
  const accounts = await openAccounts(ground)
  const accountData = openAccountData(ground)
  const devices = openDevices({ ...ground, namesDevices: config.federation.device_names })
  const factors = await openSecondFactors(ground)
  const oauth = openOAuth({ ...ground, ...accounts, ...factors })
  const sso = await openSso({ ...ground, ...accounts })
  const telegramLogin = await openTelegramLogin({ ...ground, ...accounts, ...devices, ...oauth, ...sso })
  const people = { ...ground, ...accounts, ...accountData, ...devices, ignored: accountData.ignoredUsers }

  // Rooms: what is read of them, and the one door through which events come in.
  const reading = await openReading(people)
  const roomServers = new RoomServers({ ...ground, ...reading })
  const serverFilter = new ReloadableServerFilter(config.federation)
  const read = { ...people, ...reading, roomServers, mayTalkTo: serverFilter.mayTalkTo }
  const outbox = await Outbox.open(read)
  const push = openPush(read)
  const stickyEvents = new StickyEvents(read)
  const writer = await LocalRoomWriter.open({
    ...read,
    policyServers: ground.roomHooks.policyServers,
    push: push.evaluation,
    companions: [outbox, stickyEvents, new DelayedOutcomes({ clock })],
  })
  const directory = openDirectory({ ...read, writer })
  const settings = [new CarriedSettings(accountData), new CarriedRules(push)]
  const rooms = openRooms({ ...read, ...directory, writer, settings })
  const history = openHistory(read)
  const inRooms = { ...read, ...push, ...directory, ...rooms, ...history, outbox, stickyEvents, writer }

  // What clients are told, and what follows the streams.
  const delayed = openDelayedEvents(inRooms)
  const ephemeral = openEphemeral(inRooms)
  const sync = openSync({ ...inRooms, ...ephemeral })
  const oldSync = new OldSync({ ...inRooms, ...sync })
  ground.hooks.devices.push(sync.slidingSync.connections)
  const search = openSearch(inRooms)
  const appservice = openAppservice({ ...inRooms, ...ephemeral })

  // Other servers.
  const federation = await openFederation(inRooms)
  const known = { ...inRooms, ...ephemeral, ...federation }
  const remoteMedia = new FederatedMediaSource({ client: federation.federationClient, fetch: foundation.fetch })
  const media = await openMedia({
    ...foundation,
    remoteMedia: config.federation.mode === 'open' ? remoteMedia : undefined,
  })
  const deviceLists = openDeviceLists({ ...known, client: federation.federationClient })
  const edus = openEdus({ ...known, ...deviceLists })
  const joining = openJoining(known)
  const receiving = openReceiving({ ...known, ...deviceLists, edus: edus.eduReceiver })
  const answers = openAnswers(known)

  const calls = await openCalls({ ...known, ...delayed })
  const admin = openAdmin({ ...known, ...receiving, ...calls })
  const historyAdmin = openHistoryAdmin({ ...reading, ...media, ...foundation })

  return {
    services: {
      config,
      clock,
      metrics: foundation.metrics,
      ...accounts,
      ...accountData,
      ...admin,
      ...historyAdmin,
      ...devices,
      ...oauth,
      ...factors,
      ...sso,
      ...telegramLogin,
      ...reading,
      writer,
      ...rooms,
      ...history,
      ...ephemeral,
      ...push,
      ...directory,
      ...sync,
      oldSync,
      ...search,
      ...delayed,
      ...appservice,
      ...media,
      ...federation,
      serverFilter,
      ...edus,
      ...joining,
      ...receiving,
      ...answers,
      ...calls,
      webhooks: new Door(),
      telegramUpdates: new Door(),
    },
    authenticator: accounts.authenticator,
    serverAuthenticator: federation.serverAuthenticator,
    runnable: [
      accounts,
      federation,
      deviceLists,
      edus,
      receiving,
      admin,
      historyAdmin,
      oauth,
      factors,
      sso,
      telegramLogin,
      ephemeral,
      push,
      media,
      search,
      appservice,
      calls,
      delayed,
      { runnable: [stickyEvents] },
    ].flatMap(({ runnable }) => runnable),
  }
}

interface Hooks {
  readonly hooks: AccountHooks & DeviceHooks
  readonly roomHooks: RoomHooks
  readonly directoryHooks: DirectoryHooks
  readonly aliasMakers: AliasMaker[]
  readonly providers: SsoProvider[]
}

const emptyHooks = (): Hooks => ({
  hooks: {
    arrivals: [],
    devices: [],
    departures: [],
    profiles: [],
    remoteProfiles: [],
    externalLogins: [],
    announcements: [],
    remoteKeys: [],
    remoteInboxes: [],
    keyKeepers: [],
    unplacedChanges: [],
  },
  roomHooks: { remoteRooms: [], incoming: [], historySources: [], timeSources: [], policyServers: [] },
  directoryHooks: { remoteDirectories: [] },
  aliasMakers: [],
  providers: [],
})
