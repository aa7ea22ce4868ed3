/** Builds what the server does on its own and what its administrators have it do. */
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import type { Tags } from '../account-data/tags.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import type { AccountServices } from '../accounts/open-accounts.ts'
import type { Devices } from '../devices/devices.ts'
import type { MissingParts } from '../federation/receive/missing-parts.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { RoomDirectory, RoomHooks } from '../rooms/hooks.ts'
import type { Members } from '../rooms/members.ts'
import type { RoomServices } from '../rooms/open-rooms.ts'
import type { RoomWriter } from '../rooms/writer.ts'
import type { CallHistory } from '../rtc/call-history.ts'
import { AuditLog } from './audit-log.ts'
import { DestinationAdmin, type Retrying } from './destination-admin.ts'
import { type DefaultRoom, DefaultRooms } from './default-rooms.ts'
import { Health } from './health.ts'
import { ReportAdmin } from './report-admin.ts'
import { RoomAdmin } from './room-admin.ts'
import { ServerNotices } from './server-notices.ts'
import { ServerRooms } from './server-rooms.ts'
import { ServerUser } from './server-user.ts'
import { StateRepair } from './state-repair.ts'
import { UserAdmin } from './user-admin.ts'

export interface AdminServices {
  readonly auditLog: AuditLog
  readonly health: Health
  readonly destinationAdmin: DestinationAdmin
  readonly reportAdmin: ReportAdmin
  readonly roomAdmin: RoomAdmin
  readonly userAdmin: UserAdmin
  readonly serverNotices: ServerNotices
  readonly serverRooms: ServerRooms
  readonly stateRepair: StateRepair
}

interface AdminParts
  extends RoomServices, Pick<AccountServices, 'accounts' | 'moderation' | 'profiles' | 'registration'> {
  readonly config: Config
  readonly clock: Clock
  readonly database: Database
  readonly devices: Devices
  readonly federationSender: Retrying
  readonly events: EventCache
  readonly members: Members
  readonly missingParts: MissingParts
  readonly roomHooks: RoomHooks
  readonly writer: RoomWriter
  readonly directory: RoomDirectory
  readonly tags: Tags
  readonly callHistory: CallHistory
  readonly hooks: Pick<AccountHooks, 'arrivals'>
}

export function openAdmin(parts: AdminParts): AdminServices & { readonly runnable: readonly Service[] } {
  const { config, hooks } = parts
  const { server_name: serverName, notices, rooms } = config
  const serverUser = new ServerUser({ ...parts, serverName, settings: notices })
  const serverRooms = new ServerRooms({ ...parts, serverName, serverUser, space: rooms.space })
  const defaults: readonly DefaultRoom[] = [
    ...(rooms.space === undefined ? [] : [{ alias: rooms.space, kind: 'space' } as const]),
    ...rooms.auto_join.map((alias) => ({ alias, kind: 'talk' }) as const),
    ...rooms.voice.map((alias) => ({ alias, kind: 'voice' }) as const),
  ]
  if (defaults.length > 0) {
    hooks.arrivals.push(new DefaultRooms({ ...parts, serverName, serverUser, serverRooms, rooms: defaults }))
  }
  return {
    auditLog: new AuditLog(parts),
    health: new Health(parts),
    destinationAdmin: new DestinationAdmin(parts),
    reportAdmin: new ReportAdmin(parts),
    roomAdmin: new RoomAdmin({ ...parts, serverName }),
    userAdmin: new UserAdmin({ ...parts, serverName }),
    serverRooms,
    serverNotices: new ServerNotices({ ...parts, serverUser, roomName: notices.room_name }),
    stateRepair: new StateRepair(parts),
    runnable: [serverUser],
  }
}
