/** Builds the door through which events of other servers come in. */
import type { Config } from '../../../config/schema.ts'
import type { ServerName } from '../../../core/ids.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import type { Metrics } from '../../../platform/metrics.ts'
import type { Database } from '../../../storage/database.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { RoomHooks } from '../../rooms/hooks.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { Members } from '../../rooms/members.ts'
import type { RoomWriter } from '../../rooms/writer.ts'
import type { ToldChanges } from '../device-lists/told-changes.ts'
import { Backfill } from '../backfill.ts'
import type { FederationClient } from '../client.ts'
import type { Entrances } from '../entrances.ts'
import { Resync } from '../joining/resync.ts'
import { Rescissions } from '../joining/rescissions.ts'
import { FederatedPolicyServers } from '../policy-servers.ts'
import { RemoteTimes } from '../remote-times.ts'
import type { RoomServers } from '../room-servers.ts'
import type { ServerAcls } from '../server-acl.ts'
import type { EduReceiver } from './edu-receiver.ts'
import { MissingParts } from './missing-parts.ts'
import { RemoteHistory } from './remote-history.ts'
import { RoomInbox } from './room-inbox.ts'
import { RoomsHere } from './rooms-here.ts'
import { TransactionReceiver } from './transaction.ts'
import { EventVerifier, type Keys } from './verify-event.ts'

export interface OpenReceivingParts {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly events: EventCache
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly writer: RoomWriter
  readonly keyRing: Keys
  readonly federationClient: FederationClient
  readonly serverAcls: ServerAcls
  readonly edus: EduReceiver
  readonly config: Config
  readonly roomServers: RoomServers
  readonly toldChanges: ToldChanges
  readonly entrances: Entrances
  readonly roomHooks: RoomHooks
}

export interface ReceivingServices {
  readonly transactionReceiver: TransactionReceiver
  readonly roomInbox: RoomInbox
  readonly missingParts: MissingParts
}

export function openReceiving(
  parts: OpenReceivingParts,
): ReceivingServices & { readonly runnable: readonly Service[] } {
  const { keyRing, federationClient, metrics } = parts
  const verifier = new EventVerifier({ keys: keyRing })
  const remote = new RemoteHistory({ client: federationClient, verifier })
  const rooms = new RoomsHere(parts)
  const missing = new MissingParts({ ...parts, rooms, remote })
  const resyncs: Service[] = []
  if (parts.config.federation.mode === 'open') {
    resyncs.push(new Resync({ ...parts, rooms, missing }))
    parts.roomHooks.historySources.push(new Backfill({ ...parts, rooms, remote, missing }))
    const serverName = parts.config.server_name
    const mayAsk = (server: ServerName): boolean => server !== serverName
    parts.roomHooks.timeSources.push(new RemoteTimes({ ...parts, client: federationClient, mayAsk }))
    parts.roomHooks.policyServers.push(new FederatedPolicyServers({ ...parts, client: federationClient, serverName }))
  }
  const roomInbox = new RoomInbox({ ...parts, verifier, rooms, missing })
  const received = metrics.counter('federation_pdus_received_total', 'Events that other servers sent', ['result'])
  const rescissions = new Rescissions({ ...parts, verifier })
  const transactionReceiver = new TransactionReceiver({
    ...parts,
    verifier,
    rooms,
    inbox: roomInbox,
    rescissions,
    received,
  })
  parts.roomHooks.incoming.push(transactionReceiver)
  return { transactionReceiver, roomInbox, missingParts: missing, runnable: [roomInbox, ...resyncs] }
}
