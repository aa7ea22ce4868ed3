/** Which services there are, and what each is built from, in the order of their dependencies. */
import { CarriedSettings } from './domain/account-data/carried-settings.ts'
import { openAccountData } from './domain/account-data/open-account-data.ts'
import type { AccountHooks } from './domain/accounts/hooks.ts'
import { openHistoryAdmin } from './domain/admin/history/open-history-admin.ts'
import { openAdmin } from './domain/admin/open-admin.ts'
import { openAccounts } from './domain/accounts/open-accounts.ts'
import { OpenIdTokens } from './domain/accounts/openid-tokens.ts'
import type { DeviceHooks } from './domain/devices/hooks.ts'
import { openAppservice } from './domain/appservice/open-appservice.ts'
import { openDevices } from './domain/devices/open-devices.ts'
import type { AliasMaker } from './domain/directory/directory.ts'
import type { DirectoryHooks } from './domain/directory/hooks.ts'
import { openDirectory } from './domain/directory/open-directory.ts'
import { openEphemeral } from './domain/ephemeral/open-ephemeral.ts'
import { openAnswers } from './domain/federation/answers/open-answers.ts'
import { FederatedMediaSource } from './domain/federation/media/media-source.ts'
import { openDeviceLists } from './domain/federation/device-lists/open-device-lists.ts'
import { openJoining } from './domain/federation/joining/open-joining.ts'
import { openEdus } from './domain/federation/edus/open-edus.ts'
import { openReceiving } from './domain/federation/receive/open-receiving.ts'
import { openFederation } from './domain/federation/open-federation.ts'
import { Outbox } from './domain/federation/outbox.ts'
import { RoomServers } from './domain/federation/room-servers.ts'
import { ReloadableServerFilter } from './domain/federation/server-filter.ts'
import { openMedia } from './domain/media/open-media.ts'
import { openOAuth } from './domain/oauth/open-oauth.ts'
import { CarriedRules } from './domain/push/carried-rules.ts'
import { openPush } from './domain/push/open-push.ts'
import { EventCache } from './domain/rooms/event-cache.ts'
import { Retention } from './domain/rooms/retention/policy.ts'
import type { RoomHooks } from './domain/rooms/hooks.ts'
import { Members } from './domain/rooms/members.ts'
import { openHistory } from './domain/rooms/open-history.ts'
import { openRooms } from './domain/rooms/open-rooms.ts'
import { PartialRooms } from './domain/rooms/partial-rooms.ts'
import { StickyEvents } from './domain/rooms/sticky-events.ts'
import { ThreadSubscriptions } from './domain/rooms/thread-subscriptions.ts'
import { Transactions } from './domain/rooms/transactions.ts'
import { Visibility } from './domain/rooms/visibility.ts'
import { LocalRoomWriter } from './domain/rooms/writer.ts'
import { DelayedOutcomes } from './domain/rtc/delayed-outcomes.ts'
import { openDelayedEvents } from './domain/rtc/open-delayed-events.ts'
import { openCalls } from './domain/rtc/open-calls.ts'
import { openSearch } from './domain/search/open-search.ts'
import { OldSync } from './domain/sync/old-sync.ts'
import type { SsoProvider } from './domain/sso/providers.ts'
import { openSecondFactors } from './domain/second-factors/open-second-factors.ts'
import { openSso } from './domain/sso/open-sso.ts'
import { openSync } from './domain/sync/open-sync.ts'
import { Door } from './core/door.ts'
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

export async function compose(foundation: Foundation): Promise<Composition> {
  const { config, clock, metrics, database, bus } = foundation
  const hooks: AccountHooks = {
    arrivals: [],
    devices: [],
    departures: [],
    profiles: [],
    remoteProfiles: [],
    externalLogins: [],
  }
  const { authenticator, runnable: accountsRunnable, ...accounts } = await openAccounts({ ...foundation, hooks })
  const openIdTokens = new OpenIdTokens(foundation)
  hooks.departures.push(openIdTokens)
  const accountData = openAccountData(foundation)
  hooks.devices.push(accountData.accountData)
  const deviceHooks: DeviceHooks = { announcements: [], remoteKeys: [], remoteInboxes: [], keyKeepers: [] }
  const devices = openDevices({
    ...foundation,
    serverName: config.server_name,
    namesDevices: config.federation.device_names,
    hooks: { ...hooks, ...deviceHooks },
  })
  const {
    methods,
    secondFactors,
    runnable: factorsRunnable,
    ...factors
  } = await openSecondFactors({ ...foundation, hooks })
  const { runnable: oauthRunnable, ...oauth } = openOAuth({ ...foundation, ...accounts, methods, secondFactors })
  const providers: SsoProvider[] = []
  const { runnable: ssoRunnable, ...sso } = await openSso({ ...foundation, ...accounts, hooks, providers })
  const { runnable: telegramRunnable, ...telegramLogin } = await openTelegramLogin({
    ...foundation,
    ...accounts,
    ...oauth,
    ...sso,
    devices: devices.devices,
    providers,
  })
  const events = new EventCache({ database, bus })
  const members = new Members({ database, bus, serverName: config.server_name })
  const partialRooms = await PartialRooms.open({ database, clock })
  const roomServers = new RoomServers({ members, bus, partialRooms })
  const serverFilter = new ReloadableServerFilter(config.federation)
  const { mayTalkTo } = serverFilter
  const outbox = await Outbox.open({
    ...foundation,
    members,
    roomServers,
    serverName: config.server_name,
    mayTalkTo,
  })
  const transactions = new Transactions({ database, clock })
  const retention = new Retention({ ...foundation, settings: config.rooms.retention })
  const {
    evaluation,
    runnable: pushRunnable,
    ...push
  } = openPush({
    ...foundation,
    mailer: accounts.mailer,
    serverName: config.server_name,
    events,
    members,
    ignored: accountData.ignoredUsers,
    retention,
    hooks,
  })
  const roomHooks: RoomHooks = { remoteRooms: [], incoming: [], historySources: [], timeSources: [], policyServers: [] }
  const stickyEvents = new StickyEvents({ ...foundation, events, members })
  const writer = await LocalRoomWriter.open({
    ...foundation,
    events,
    policyServers: roomHooks.policyServers,
    partialRooms,
    push: evaluation,
    companions: [outbox, stickyEvents, new DelayedOutcomes({ clock })],
  })
  const aliasMakers: AliasMaker[] = []
  const directoryHooks: DirectoryHooks = { remoteDirectories: [] }
  const directory = openDirectory({
    aliasMakers,
    roomServers,
    directoryHooks,
    database,
    clock,
    serverName: config.server_name,
    appservices: accounts.appservices,
    members,
    writer,
  })
  const { ignoredUsers: ignored } = accountData
  const visibility = new Visibility({ database, bus, clock, events, members, ignored, retention })
  const rooms = openRooms({
    ...foundation,
    partialRooms,
    events,
    members,
    transactions,
    visibility,
    writer,
    directory: directory.directory,
    hooks,
    roomHooks,
    settings: [new CarriedSettings(accountData), new CarriedRules(push)],
  })
  const { runnable: delayedRunnable, ...delayed } = openDelayedEvents({ ...foundation, ...rooms, members, hooks })
  const { runnable: ephemeralRunnable, ...ephemeral } = openEphemeral({
    ...foundation,
    accountData: accountData.accountData,
    events,
    members,
  })
  const history = openHistory({
    ...foundation,
    events,
    members,
    visibility,
    ignored: accountData.ignoredUsers,
    roomHooks,
  })
  const threadSubscriptions = new ThreadSubscriptions({ ...foundation, events, visibility })
  const sync = openSync({
    ...foundation,
    partialRooms,
    ...devices,
    ...ephemeral,
    ...push,
    events,
    members,
    visibility,
    ignored: accountData.ignoredUsers,
    clientEvents: history.clientEvents,
    threadSubscriptions,
    stickyEvents,
  })
  const oldSync = new OldSync({ ...foundation, ...sync, history: history.history })
  hooks.devices.push(sync.slidingSync.connections)
  const { runnable: searchRunnable, ...search } = openSearch({
    ...foundation,
    events,
    members,
    visibility,
    ignored: accountData.ignoredUsers,
    clientEvents: history.clientEvents,
  })
  const { runnable: appserviceRunnable, ...appservice } = openAppservice({
    ...foundation,
    ...devices,
    ...ephemeral,
    appservices: accounts.appservices,
    members,
    directory: directory.directory,
    clientEvents: history.clientEvents,
    aliasMakers,
    deviceHooks,
  })
  const {
    serverAuthenticator,
    runnable: federationRunnable,
    ...federation
  } = await openFederation({
    ...foundation,
    outbox,
    hooks,
    directoryHooks,
    roomServers,
    mayTalkTo,
  })
  const remoteMedia = new FederatedMediaSource({ client: federation.federationClient, fetch: foundation.fetch })
  const { runnable: mediaRunnable, ...mediaServices } = await openMedia({
    ...foundation,
    remoteMedia: config.federation.mode === 'open' ? remoteMedia : undefined,
  })
  const {
    deviceListUpdates,
    toldChanges,
    runnable: deviceListsRunnable,
  } = openDeviceLists({
    ...foundation,
    ...federation,
    client: federation.federationClient,
    deviceLists: devices.deviceLists,
    members,
    hooks: deviceHooks,
  })
  const { runnable: eduRunnable, ...edus } = openEdus({
    ...foundation,
    partialRooms,
    ...federation,
    ...ephemeral,
    members,
    toDevice: devices.toDevice,
    deviceListUpdates,
    hooks: deviceHooks,
  })
  const joining = openJoining({
    ...foundation,
    partialRooms,
    ...federation,
    appservices: accounts.appservices,
    events,
    members,
    writer,
    roomHooks,
  })
  const { runnable: receivingRunnable, ...receiving } = openReceiving({
    ...foundation,
    partialRooms,
    toldChanges,
    ...federation,
    events,
    members,
    writer,
    edus: edus.eduReceiver,
    roomHooks,
  })
  const answers = openAnswers({
    ...foundation,
    ...directory,
    ...federation,
    events,
    members,
    partialRooms,
    visibility,
  })
  const { runnable: callsRunnable, ...calls } = await openCalls({
    ...foundation,
    ...federation,
    ...rooms,
    ...delayed,
    deactivation: accounts.deactivation,
    members,
    writer,
    openIdTokens,
    stickyEvents,
    hooks,
  })
  const { runnable: adminRunnable, ...admin } = openAdmin({
    ...foundation,
    ...accounts,
    ...rooms,
    ...calls,
    devices: devices.devices,
    federationSender: federation.federationSender,
    missingParts: receiving.missingParts,
    roomHooks,
    events,
    members,
    writer,
    directory: directory.directory,
    tags: accountData.tags,
    hooks,
  })
  const { runnable: historyRunnable, ...historyAdmin } = openHistoryAdmin({
    ...foundation,
    ...mediaServices,
    retention,
  })
  return {
    services: {
      config,
      clock,
      metrics,
      ...accounts,
      openIdTokens,
      ...accountData,
      ...admin,
      ...historyAdmin,
      ...devices,
      ...oauth,
      ...factors,
      ...sso,
      ...telegramLogin,
      events,
      members,
      transactions,
      visibility,
      writer,
      ...rooms,
      ...history,
      ...ephemeral,
      ...push,
      ...directory,
      threadSubscriptions,
      ...sync,
      oldSync,
      ...search,
      ...delayed,
      ...appservice,
      ...mediaServices,
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
    authenticator,
    serverAuthenticator,
    runnable: [
      ...accountsRunnable,
      ...federationRunnable,
      ...deviceListsRunnable,
      ...eduRunnable,
      ...receivingRunnable,
      ...adminRunnable,
      ...historyRunnable,
      ...oauthRunnable,
      ...factorsRunnable,
      ...ssoRunnable,
      ...telegramRunnable,
      ...ephemeralRunnable,
      ...pushRunnable,
      ...mediaRunnable,
      ...searchRunnable,
      ...appserviceRunnable,
      ...callsRunnable,
      ...delayedRunnable,
      stickyEvents,
    ],
  }
}
