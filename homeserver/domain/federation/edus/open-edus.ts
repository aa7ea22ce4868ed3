/** Builds what passes between servers and is not kept in rooms. With `federation.mode: off` it tells nobody. */
import type { Config } from '../../../config/schema.ts'
import type { Bus } from '../../../platform/bus.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Background, Service } from '../../../platform/lifecycle.ts'
import type { DeviceHooks } from '../../devices/hooks.ts'
import type { ToDevice } from '../../devices/to-device.ts'
import type { Presence } from '../../ephemeral/presence.ts'
import type { Receipts } from '../../ephemeral/receipts.ts'
import type { Typing } from '../../ephemeral/typing.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { Outbox } from '../outbox.ts'
import type { EduReceiver } from '../receive/edu-receiver.ts'
import type { RoomServers } from '../room-servers.ts'
import type { ServerAcls } from '../server-acl.ts'
import { DirectToDevice } from './direct-to-device.ts'
import { EduGate } from './edu-gate.ts'
import { EduRouter } from './edu-router.ts'
import { PresenceEdus } from './presence.ts'
import { ReceiptEdus } from './receipts.ts'
import { TypingEdus } from './typing.ts'

export interface OpenEdusParts {
  readonly config: Config
  readonly bus: Bus
  readonly clock: Clock
  readonly background: Background
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly roomServers: RoomServers
  readonly serverAcls: ServerAcls
  readonly outbox: Outbox
  readonly typing: Typing
  readonly receipts: Receipts
  readonly presence: Presence
  readonly toDevice: ToDevice
  readonly deviceListUpdates: EduReceiver
  readonly hooks: DeviceHooks
}

export interface EduServices {
  readonly eduReceiver: EduReceiver
}

export function openEdus(parts: OpenEdusParts): EduServices & { readonly runnable: readonly Service[] } {
  const { config, hooks, deviceListUpdates } = parts
  const gate = new EduGate(parts)
  const typing = new TypingEdus({ ...parts, gate })
  const receipts = new ReceiptEdus({ ...parts, gate })
  const presence = new PresenceEdus(parts)
  const directToDevice = new DirectToDevice(parts)
  const eduReceiver = new EduRouter({
    'm.typing': typing,
    'm.receipt': receipts,
    'm.presence': presence,
    'm.direct_to_device': directToDevice,
    'm.device_list_update': deviceListUpdates,
    'm.signing_key_update': deviceListUpdates,
  })
  if (config.federation.mode === 'off') return { eduReceiver, runnable: [] }
  hooks.remoteInboxes.push(directToDevice)
  return { eduReceiver, runnable: [typing, receipts, ...(config.presence === 'full' ? [presence] : [])] }
}
