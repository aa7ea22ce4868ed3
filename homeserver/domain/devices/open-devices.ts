/** Builds what keeps devices and their keys. */
import type { ServerName } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import { CrossSigning } from './cross-signing.ts'
import { DehydratedDevices } from './dehydrated-devices.ts'
import { KeysDeparture } from './departure.ts'
import { DeviceKeys } from './device-keys.ts'
import { DeviceLists } from './device-lists.ts'
import { Devices } from './devices.ts'
import { KeyBackup } from './key-backup.ts'
import type { DeviceHooks } from './hooks.ts'
import { KeyDirectory } from './key-directory.ts'
import { LocalKeys } from './local-keys.ts'
import { OneTimeKeys } from './one-time-keys.ts'
import { PublishedKeys } from './published-keys.ts'
import { KeySignatures } from './signatures.ts'
import { ToDevice } from './to-device.ts'

export interface DeviceServices {
  readonly devices: Devices
  readonly deviceLists: DeviceLists
  readonly deviceKeys: DeviceKeys
  readonly oneTimeKeys: OneTimeKeys
  readonly keyDirectory: KeyDirectory
  readonly publishedKeys: PublishedKeys
  readonly crossSigning: CrossSigning
  readonly keySignatures: KeySignatures
  readonly toDevice: ToDevice
  readonly keyBackup: KeyBackup
  readonly dehydratedDevices: DehydratedDevices
}

export function openDevices(parts: {
  database: Database
  streams: Streams
  clock: Clock
  serverName: ServerName
  namesDevices: boolean
  hooks: AccountHooks & DeviceHooks
}): DeviceServices {
  const { database, streams, clock, serverName, namesDevices, hooks } = parts
  const deviceLists = new DeviceLists({ database, streams, ...hooks })
  const oneTimeKeys = new OneTimeKeys({ database, keepers: hooks.keyKeepers })
  const localKeys = new LocalKeys({ database, keepers: hooks.keyKeepers })
  const devices = new Devices({ database, streams, clock, deviceLists, oneTimeKeys })
  const deviceKeys = new DeviceKeys({ database, deviceLists, oneTimeKeys })
  hooks.devices.push(devices)
  hooks.departures.push(new KeysDeparture({ database, deviceLists }))
  return {
    devices,
    deviceLists,
    deviceKeys,
    oneTimeKeys,
    keyDirectory: new KeyDirectory({ database, serverName, localKeys, oneTimeKeys, remoteKeys: hooks.remoteKeys }),
    publishedKeys: new PublishedKeys({ database, serverName, localKeys, oneTimeKeys, namesDevices }),
    crossSigning: new CrossSigning({ database, deviceLists }),
    keySignatures: new KeySignatures({ database, streams, deviceLists }),
    toDevice: new ToDevice({ database, streams, clock, serverName, remoteInboxes: hooks.remoteInboxes }),
    keyBackup: new KeyBackup({ database }),
    dehydratedDevices: new DehydratedDevices({ database, clock, devices, deviceKeys }),
  }
}
