/** Builds what lets users in and out of rooms across servers, ours elsewhere and others here. */
import type { Config } from '../../../config/schema.ts'
import type { Signer } from '../../../core/signing.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Database } from '../../../storage/database.ts'
import type { Appservices } from '../../accounts/appservices.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { RoomHooks } from '../../rooms/hooks.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { Members } from '../../rooms/members.ts'
import type { RoomWriter } from '../../rooms/writer.ts'
import type { FederationClient } from '../client.ts'
import type { Entrances } from '../entrances.ts'
import type { KeyRing } from '../keys.ts'
import type { Outbox } from '../outbox.ts'
import { MissingParts } from '../receive/missing-parts.ts'
import { RemoteHistory } from '../receive/remote-history.ts'
import { RoomsHere } from '../receive/rooms-here.ts'
import { EventVerifier } from '../receive/verify-event.ts'
import type { RoomServers } from '../room-servers.ts'
import type { ServerAcls } from '../server-acl.ts'
import { Invites } from './invites.ts'
import { JoinAnswers } from './join-answer.ts'
import { OutgoingInvites } from './outgoing-invites.ts'
import { Passages } from './passages.ts'
import { FederatedRooms } from './remote-rooms.ts'
import { ResidentRooms } from './resident-rooms.ts'
import { Templates } from './templates.ts'
import { ThirdPartyInvites } from './third-party-invites.ts'

export interface OpenJoiningParts {
  readonly config: Config
  readonly database: Database
  readonly clock: Clock
  readonly signer: Signer
  readonly appservices: Appservices
  readonly events: EventCache
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly writer: RoomWriter
  readonly roomHooks: RoomHooks
  readonly federationClient: FederationClient
  readonly keyRing: KeyRing
  readonly roomServers: RoomServers
  readonly serverAcls: ServerAcls
  readonly entrances: Entrances
  readonly outbox: Outbox
}

export interface JoiningServices {
  readonly templates: Templates
  readonly passages: Passages
  readonly joinAnswers: JoinAnswers
  readonly invites: Invites
  readonly thirdPartyInvites: ThirdPartyInvites
}

export function openJoining(parts: OpenJoiningParts): JoiningServices {
  const { federationClient: client, keyRing, roomHooks } = parts
  const rooms = new ResidentRooms(parts)
  const verifier = new EventVerifier({ keys: keyRing })
  const outgoing = new OutgoingInvites({ ...parts, client, verifier })
  if (parts.config.federation.mode === 'open') {
    const remote = new RemoteHistory({ client, verifier })
    const roomsHere = new RoomsHere(parts)
    const missing = new MissingParts({ ...parts, rooms: roomsHere, remote })
    roomHooks.remoteRooms.push(new FederatedRooms({ ...parts, client, verifier, outgoing, missing, rooms: roomsHere }))
  }
  return {
    templates: new Templates({ ...parts, rooms }),
    passages: new Passages({ ...parts, rooms, verifier }),
    joinAnswers: new JoinAnswers({ ...parts, serverName: parts.signer.serverName }),
    invites: new Invites({ ...parts, verifier }),
    thirdPartyInvites: new ThirdPartyInvites({ ...parts, client, rooms, outgoing }),
  }
}
