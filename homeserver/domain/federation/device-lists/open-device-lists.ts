/** Builds what keeps device lists and keys in step with other servers. With `federation.mode: off` it asks and tells nobody. */
import type { Config } from '../../../config/schema.ts'
import type { Bus } from '../../../platform/bus.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Background, Service } from '../../../platform/lifecycle.ts'
import type { Metrics } from '../../../platform/metrics.ts'
import type { Database } from '../../../storage/database.ts'
import type { Streams } from '../../../storage/streams.ts'
import type { DeviceLists } from '../../devices/device-lists.ts'
import type { DeviceHooks } from '../../devices/hooks.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { RoomServers } from '../room-servers.ts'
import type { KeyClient } from './ask-keys.ts'
import { FederatedKeys } from './federated-keys.ts'
import { UpdateReceiver } from './receive-updates.ts'
import { RemoteDeviceLists } from './remote-device-lists.ts'
import { DeviceListResync } from './resync.ts'
import { RoomMoves } from './room-moves.ts'
import { SharedRooms } from './shared-rooms.ts'
import { type EduQueue, ToldChanges } from './told-changes.ts'
import { UnplacedUpdates } from './unplaced-updates.ts'

export interface OpenDeviceListsParts {
  readonly database: Database
  readonly bus: Bus
  readonly clock: Clock
  readonly metrics: Metrics
  readonly background: Background
  readonly config: Config
  readonly streams: Streams
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly roomServers: RoomServers
  readonly deviceLists: DeviceLists
  readonly client: KeyClient
  readonly outbox: EduQueue
  readonly hooks: DeviceHooks
}

export function openDeviceLists(parts: OpenDeviceListsParts): {
  readonly deviceListUpdates: UpdateReceiver
  readonly toldChanges: ToldChanges
  readonly runnable: readonly Service[]
} {
  const { config, hooks, outbox } = parts
  const serverName = config.server_name
  const namesDevices = config.federation.device_names
  const sharedRooms = new SharedRooms({ ...parts, serverName })
  const lists = new RemoteDeviceLists(parts)
  const resync = new DeviceListResync({ ...parts, lists, sharedRooms })
  const toldChanges = new ToldChanges({ ...parts, queue: outbox, sharedRooms, namesDevices })
  const moves = new RoomMoves({ ...parts, lists, sharedRooms, toldChanges })
  const unplaced = new UnplacedUpdates(parts)
  const deviceListUpdates = new UpdateReceiver({ ...parts, sharedRooms, unplaced, onStale: () => resync.wake() })
  if (config.federation.mode === 'off') return { deviceListUpdates, toldChanges, runnable: [] }
  hooks.announcements.push(toldChanges)
  hooks.unplacedChanges.push(unplaced)
  hooks.remoteKeys.push(new FederatedKeys({ ...parts, lists, sharedRooms }))
  return { deviceListUpdates, toldChanges, runnable: [moves, toldChanges, resync] }
}
