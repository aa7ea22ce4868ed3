/** Every endpoint there is, by file. A path missing here is answered with M_UNRECOGNIZED. */
import type { Config } from '../config/schema.ts'
import { audited } from './admin/audited.ts'
import { auditLogEndpoints } from './admin/audit-log.ts'
import { adminCallLinkEndpoints } from './admin/call-links.ts'
import { adminCallsEndpoints } from './admin/calls.ts'
import { adminDestinationsEndpoints } from './admin/destinations.ts'
import { adminDevicesEndpoints } from './admin/devices.ts'
import { adminMediaEndpoints } from './admin/media.ts'
import { adminPurgeHistoryEndpoints } from './admin/purge-history.ts'
import { adminQuarantineEndpoints } from './admin/quarantine.ts'
import { adminRegisterEndpoints } from './admin/register.ts'
import { adminRegistrationTokensEndpoints } from './admin/registration-tokens.ts'
import { adminReportsEndpoints } from './admin/reports.ts'
import { adminRoomBlockEndpoints } from './admin/room-block.ts'
import { adminRoomsEndpoints } from './admin/rooms.ts'
import { adminRoomStateEndpoints } from './admin/room-state.ts'
import { serverNoticesEndpoints } from './admin/server-notices.ts'
import { serverVersionEndpoints } from './admin/server-version.ts'
import { adminSecondFactorEndpoints } from './admin/second-factor.ts'
import { adminUsersEndpoints } from './admin/users.ts'
import { voiceRoomsEndpoints } from './admin/voice-rooms.ts'
import { accountEndpoints } from './client/account.ts'
import { accountDataEndpoints } from './client/account-data.ts'
import { adminEndpoints } from './client/admin.ts'
import { appserviceDirectoryEndpoints } from './client/appservice-directory.ts'
import { appservicePingEndpoints } from './client/appservice-ping.ts'
import { authFallbackEndpoints } from './client/auth-fallback.ts'
import { banEndpoints } from './client/ban.ts'
import { ownCallsEndpoints } from './client/calls.ts'
import { callLinkEndpoints } from './client/call-links.ts'
import { capabilitiesEndpoints } from './client/capabilities.ts'
import { contextEndpoints } from './client/context.ts'
import { createRoomEndpoints } from './client/create-room.ts'
import { dehydratedDeviceEndpoints } from './client/dehydrated-device.ts'
import { delayedEventEndpoints } from './client/delayed-events.ts'
import { devicesEndpoints } from './client/devices.ts'
import { directoryEndpoints } from './client/directory.ts'
import { eventEndpoints } from './client/event.ts'
import { forgetEndpoints } from './client/forget.ts'
import { hierarchyEndpoints } from './client/hierarchy.ts'
import { inviteEndpoints } from './client/invite.ts'
import { joinEndpoints } from './client/join.ts'
import { joinedRoomsEndpoints } from './client/joined-rooms.ts'
import { keysEndpoints } from './client/keys.ts'
import { kickEndpoints } from './client/kick.ts'
import { knockEndpoints } from './client/knock.ts'
import { leaveEndpoints } from './client/leave.ts'
import { filterEndpoints } from './client/filter.ts'
import { loginEndpoints } from './client/login.ts'
import { logoutEndpoints } from './client/logout.ts'
import { mediaEndpoints } from './client/media.ts'
import { membersEndpoints } from './client/members.ts'
import { messagesEndpoints } from './client/messages.ts'
import { mutualRoomsEndpoints } from './client/mutual-rooms.ts'
import { notificationEndpoints } from './client/notifications.ts'
import { oldSyncEndpoints } from './client/old-sync.ts'
import { openIdEndpoints } from './client/openid.ts'
import { presenceEndpoints } from './client/presence.ts'
import { previewUrlEndpoints } from './client/preview-url.ts'
import { profileEndpoints } from './client/profile.ts'
import { publicRoomsEndpoints } from './client/public-rooms.ts'
import { pushRuleEndpoints } from './client/push-rules.ts'
import { pusherEndpoints } from './client/pushers.ts'
import { readMarkerEndpoints } from './client/read-markers.ts'
import { receiptEndpoints } from './client/receipts.ts'
import { redactEndpoints } from './client/redact.ts'
import { refreshEndpoints } from './client/refresh.ts'
import { registerEndpoints } from './client/register.ts'
import { relationsEndpoints } from './client/relations.ts'
import { reportEndpoints } from './client/report.ts'
import { retentionEndpoints } from './client/retention.ts'
import { roomKeysEndpoints } from './client/room-keys.ts'
import { roomSummaryEndpoints } from './client/room-summary.ts'
import { rtcEndpoints } from './client/rtc.ts'
import { searchEndpoints } from './client/search.ts'
import { sendEndpoints } from './client/send.ts'
import { sendToDeviceEndpoints } from './client/send-to-device.ts'
import { ssoEndpoints } from './client/sso.ts'
import { stateEndpoints } from './client/state.ts'
import { slidingSyncEndpoints } from './client/sliding-sync.ts'
import { threadSubscriptionEndpoints } from './client/thread-subscription.ts'
import { syncEndpoints } from './client/sync.ts'
import { tagEndpoints } from './client/tags.ts'
import { telegramEndpoints } from './client/telegram.ts'
import { telegramChatsEndpoints } from './client/telegram-chats.ts'
import { thirdPartyEndpoints } from './client/third-party.ts'
import { threePidEndpoints } from './client/threepids.ts'
import { threadsEndpoints } from './client/threads.ts'
import { timestampToEventEndpoints } from './client/timestamp-to-event.ts'
import { typingEndpoints } from './client/typing.ts'
import { upgradeEndpoints } from './client/upgrade.ts'
import { userDirectoryEndpoints } from './client/user-directory.ts'
import { versions } from './client/versions.ts'
import { voipEndpoints } from './client/voip.ts'
import { wellKnownEndpoints } from './client/well-known.ts'
import { elementWebEndpoints } from './element-web.ts'
import { offersOAuth } from '../domain/oauth/open-oauth.ts'
import { callGuestEndpoints } from './call-guests.ts'
import type { Endpoint } from './endpoint.ts'
import { callServiceEndpoints } from './rtc.ts'
import { healthEndpoints } from './health.ts'
import { oauthEndpoints } from './oauth/endpoints.ts'
import { callPages } from './pages/call.ts'
import { pages } from './pages/pages.ts'
import { federatedHistoryEndpoints } from './server/history.ts'
import { federatedHierarchyEndpoints } from './server/hierarchy.ts'
import { openIdUserInfoEndpoints } from './server/openid.ts'
import { federatedPublicRoomsEndpoints } from './server/public-rooms.ts'
import { serverKeysEndpoints } from './server/keys.ts'
import { federatedMediaEndpoints } from './server/media.ts'
import { queryEndpoints } from './server/query.ts'
import { serverInviteEndpoints } from './server/invite.ts'
import { makeMembershipEndpoints } from './server/make-membership.ts'
import { sendMembershipEndpoints } from './server/send-membership.ts'
import { thirdPartyInviteEndpoints } from './server/third-party-invite.ts'
import { serverRtcEndpoints } from './server/rtc.ts'
import { federatedStateEndpoints } from './server/state.ts'
import { userDevicesEndpoints } from './server/user-devices.ts'
import { userKeysEndpoints } from './server/user-keys.ts'
import { sendTransactionEndpoints } from './server/send.ts'
import { versionEndpoints } from './server/version.ts'
import { wellKnownServerEndpoints } from './server/well-known.ts'
import { telegramWebhookEndpoints } from './telegram-webhook.ts'
import { webhookEndpoints } from './webhooks.ts'

/** Those that are there whether we talk with other servers or not. */
const ownEndpoints: readonly Endpoint[] = [
  versions,
  ...registerEndpoints,
  ...loginEndpoints,
  ...refreshEndpoints,
  ...ssoEndpoints,
  ...telegramEndpoints,
  ...telegramChatsEndpoints,
  ...logoutEndpoints,
  ...accountEndpoints,
  ...authFallbackEndpoints,
  ...threePidEndpoints,
  ...ownCallsEndpoints,
  ...capabilitiesEndpoints,
  ...retentionEndpoints,
  ...profileEndpoints,
  ...wellKnownEndpoints,
  ...healthEndpoints,
  ...elementWebEndpoints,
  ...adminRegisterEndpoints,
  ...adminUsersEndpoints,
  ...adminSecondFactorEndpoints,
  ...adminDevicesEndpoints,
  ...adminMediaEndpoints,
  ...adminQuarantineEndpoints,
  ...adminRoomsEndpoints,
  ...adminRoomStateEndpoints,
  ...adminRoomBlockEndpoints,
  ...adminPurgeHistoryEndpoints,
  ...adminReportsEndpoints,
  ...adminCallsEndpoints,
  ...voiceRoomsEndpoints,
  ...adminDestinationsEndpoints,
  ...adminRegistrationTokensEndpoints,
  ...auditLogEndpoints,
  ...serverVersionEndpoints,
  ...serverNoticesEndpoints,
  ...adminEndpoints,
  ...devicesEndpoints,
  ...keysEndpoints,
  ...sendToDeviceEndpoints,
  ...roomKeysEndpoints,
  ...dehydratedDeviceEndpoints,
  ...mediaEndpoints,
  ...accountDataEndpoints,
  ...tagEndpoints,
  ...openIdEndpoints,
  ...openIdUserInfoEndpoints,
  ...typingEndpoints,
  ...receiptEndpoints,
  ...readMarkerEndpoints,
  ...presenceEndpoints,
  ...previewUrlEndpoints,
  ...pushRuleEndpoints,
  ...pusherEndpoints,
  ...notificationEndpoints,
  ...directoryEndpoints,
  ...publicRoomsEndpoints,
  ...roomSummaryEndpoints,
  ...hierarchyEndpoints,
  ...userDirectoryEndpoints,
  ...mutualRoomsEndpoints,
  ...banEndpoints,
  ...createRoomEndpoints,
  ...forgetEndpoints,
  ...inviteEndpoints,
  ...joinEndpoints,
  ...joinedRoomsEndpoints,
  ...kickEndpoints,
  ...knockEndpoints,
  ...leaveEndpoints,
  ...membersEndpoints,
  ...redactEndpoints,
  ...searchEndpoints,
  ...sendEndpoints,
  ...delayedEventEndpoints,
  ...stateEndpoints,
  ...contextEndpoints,
  ...eventEndpoints,
  ...messagesEndpoints,
  ...relationsEndpoints,
  ...reportEndpoints,
  ...threadsEndpoints,
  ...timestampToEventEndpoints,
  ...upgradeEndpoints,
  ...thirdPartyEndpoints,
  ...appserviceDirectoryEndpoints,
  ...appservicePingEndpoints,
  ...voipEndpoints,
  ...syncEndpoints,
  ...oldSyncEndpoints,
  ...slidingSyncEndpoints,
  ...threadSubscriptionEndpoints,
  ...filterEndpoints,
  ...versionEndpoints,
  ...pages,
]

const federationEndpoints: readonly Endpoint[] = [
  ...sendTransactionEndpoints,
  ...wellKnownServerEndpoints,
  ...serverKeysEndpoints,
  ...queryEndpoints,
  ...userDevicesEndpoints,
  ...userKeysEndpoints,
  ...makeMembershipEndpoints,
  ...sendMembershipEndpoints,
  ...serverInviteEndpoints,
  ...thirdPartyInviteEndpoints,
  ...federatedStateEndpoints,
  ...federatedHistoryEndpoints,
  ...federatedPublicRoomsEndpoints,
  ...federatedHierarchyEndpoints,
  ...federatedMediaEndpoints,
]

const callEndpoints: readonly Endpoint[] = [
  ...rtcEndpoints,
  ...callServiceEndpoints,
  ...callLinkEndpoints,
  ...adminCallLinkEndpoints,
  ...callGuestEndpoints,
  ...callPages,
]

export const endpoints: readonly Endpoint[] = [
  ...ownEndpoints,
  ...webhookEndpoints,
  ...telegramWebhookEndpoints,
  ...oauthEndpoints,
  ...callEndpoints,
  ...federationEndpoints,
  ...serverRtcEndpoints,
]

/**
 * With `federation.mode: off` other servers find nothing here, without OAuth apps find only the login by password. Where
 * there are no calls, apps must not think that there are.
 */
export function endpointsOf(config: Config, { hasCalls }: { hasCalls: boolean }): readonly Endpoint[] {
  const federates = config.federation.mode !== 'off'
  const offered = [
    ...ownEndpoints,
    ...(config.webhooks === 'on' ? webhookEndpoints : []),
    ...(config.telegram.webhook === undefined ? [] : telegramWebhookEndpoints),
    ...(offersOAuth(config) ? oauthEndpoints : []),
    ...(hasCalls ? callEndpoints : []),
    ...(federates ? federationEndpoints : []),
    ...(federates && hasCalls ? serverRtcEndpoints : []),
  ]
  return offered.map(audited)
}
