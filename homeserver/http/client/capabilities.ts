import { maxDelayedEvents } from '../../domain/limits.ts'
import { isStable, roomVersions } from '../../core/room-version.ts'
import { endpoint } from '../endpoint.ts'

const enabled = { enabled: true } as const
const availableVersions = Object.fromEntries(
  Object.values(roomVersions).map(({ id }) => [id, isStable(id) ? 'stable' : 'unstable']),
)

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3capabilities */
const capabilities = endpoint({
  method: 'GET',
  path: '/capabilities',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'read',
  handle: async ({ who }, { config, urlPreviews, mailer, sms, vapid }) => {
    // an OAuth client is not asked for the password: its user has the account page
    const withPassword = { enabled: who.clientId === undefined }
    return {
      capabilities: {
        'm.room_versions': { default: config.rooms.default_version, available: availableVersions },
        'm.change_password': withPassword,
        'm.set_displayname': enabled,
        'm.set_avatar_url': enabled,
        'm.3pid_changes': { enabled: who.clientId === undefined && (mailer.isOn || sms.isOn) },
        'm.profile_fields': enabled,
        'uk.tcpip.msc4133.profile_fields': enabled,
        'm.get_login_token': withPassword,
        'org.matrix.msc3882.get_login_token': withPassword,
        'io.element.msc4452.preview_url': { enabled: urlPreviews !== undefined },
        'org.matrix.msc4140.delayed_events': { max_delay_ms: config.calls.max_delay, max_scheduled: maxDelayedEvents },
        'org.matrix.msc4174.webpush': { ...enabled, vapid: await vapid.publicKey() },
        ...(who.isAdmin ? { 'm.account_moderation': { lock: true, suspend: true } } : {}),
      },
    }
  },
})

export const capabilitiesEndpoints = [capabilities]
