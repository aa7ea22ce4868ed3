/** What a push gateway is told. https://spec.matrix.org/v1.19/push-gateway-api/#post_matrixpushv1notify */
import type { JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { Outcome } from '../../core/push-rules/ruleset.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { PusherSettings } from '../../storage/pushers.ts'

/** What is told of an event besides itself. */
export interface EventSurroundings {
  readonly senderName: string | undefined
  readonly roomName: string | undefined
  readonly roomAlias: string | undefined
}

type Device = Pick<PusherSettings, 'userId' | 'appId' | 'pushkey' | 'data' | 'setTs'>

export function eventNotification(
  device: Device,
  event: StoredEvent,
  { outcome, unread, around }: { outcome: Outcome | undefined; unread: number; around: EventSurroundings },
): JsonObject {
  const { row } = event
  const tweaks = outcome?.notify ? outcome.tweaks : {}
  const common = {
    event_id: row.event_id,
    room_id: row.room_id,
    prio: priorityOf(event, tweaks),
    ...countsOf(device, unread, unread > 0),
  }
  if (device.data['format'] === 'event_id_only') return { ...common, devices: [deviceOf(device)] }
  const { senderName, roomName, roomAlias } = around
  return {
    ...common,
    type: row.type,
    sender: row.sender,
    content: JSON.parse(event.contentText) as JsonObject, // of an event that was checked
    ...(senderName === undefined ? {} : { sender_display_name: senderName }),
    ...(roomName === undefined ? {} : { room_name: roomName }),
    ...(roomAlias === undefined ? {} : { room_alias: roomAlias }),
    ...(row.type === 'm.room.member' ? { user_is_target: isTarget(event, device.userId) } : {}),
    devices: [{ ...deviceOf(device), tweaks }],
  }
}

/** Sets the number at the app's icon, for who has read elsewhere. A zero is said, or nothing would be reset. */
export function badgeNotification(device: Device, unread: number): JsonObject {
  return { ...countsOf(device, unread, true), prio: 'low', devices: [deviceOf(device)] }
}

/** https://github.com/matrix-org/matrix-spec-proposals/pull/4076 */
export function countsBadges({ data }: Pick<PusherSettings, 'data'>): boolean {
  return data['disable_badge_count'] !== true && data['org.matrix.msc4076.disable_badge_count'] !== true
}

/** What may wait does not wake a telephone from its sleep. */
function priorityOf({ row }: StoredEvent, { sound, highlight }: JsonObject): 'high' | 'low' {
  const isUrgent = row.type === 'm.room.encrypted' || sound !== undefined || highlight === true
  return isUrgent ? 'high' : 'low'
}

function countsOf(device: Device, unread: number, told: boolean): JsonObject {
  return told && countsBadges(device) ? { counts: { unread } } : {}
}

function deviceOf({ appId, pushkey, data, setTs }: Device): JsonObject {
  const others = Object.fromEntries(Object.entries(data).filter(([key]) => key !== 'url'))
  return { app_id: appId, pushkey, pushkey_ts: Math.floor(setTs / 1000), data: others }
}

function isTarget({ row }: StoredEvent, userId: UserId): boolean {
  return row.state_key === userId
}
