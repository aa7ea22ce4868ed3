/**
 * Our users' way into rooms of other servers and out of them: a server in the room makes a template, we sign what it is
 * for, the server takes it. https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
 */
import { forbidden, MatrixError } from '../../../core/errors.ts'
import type { JsonObject } from '../../../core/event.ts'
import { type EventId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Signer } from '../../../core/signing.ts'
import type { Clock } from '../../../platform/clock.ts'
import { logger } from '../../../platform/log.ts'
import type { Database } from '../../../storage/database.ts'
import type { EventDraft } from '../../rooms/build.ts'
import type { RemoteChange, RemoteRooms } from '../../rooms/hooks.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { RemoteEvent, RemoteEventWriter } from '../../rooms/remote-event.ts'
import { type FederationClient, federationPath } from '../client.ts'
import type { Entrances } from '../entrances.ts'
import { unusable } from '../federation-error.ts'
import type { Outbox } from '../outbox.ts'
import type { MissingParts } from '../receive/missing-parts.ts'
import type { RoomsHere } from '../receive/rooms-here.ts'
import type { EventVerifier } from '../receive/verify-event.ts'
import type { RoomServers } from '../room-servers.ts'
import { candidatesFrom, firstThatCan } from './candidates.ts'
import { leaveAlone } from './local-leave.ts'
import type { OutgoingInvites } from './outgoing-invites.ts'
import { signPassage, type SignedPassage } from './remote-template.ts'
import { checkState, readRoom, type RoomOfVersion, type ToldRoom } from './room-copy.ts'
import { checkToldState, serversTold } from './stripped-state.ts'
import type { Passage } from './templates.ts'

export interface RemoteRoomsParts {
  readonly database: Database
  readonly clock: Clock
  readonly signer: Signer
  readonly client: FederationClient
  readonly verifier: EventVerifier
  readonly members: Members
  readonly roomServers: RoomServers
  readonly writer: RemoteEventWriter
  readonly outgoing: OutgoingInvites
  readonly missing: Pick<MissingParts, 'complete'>
  readonly rooms: Pick<RoomsHere, 'versionOf'>
  readonly entrances: Entrances
  readonly partialRooms: Pick<PartialRooms, 'isWhole'>
  readonly outbox: Pick<Outbox, 'heard' | 'alreadyTold'>
}

const log = logger('federation')

/** Of the answer to send_join (T45). */
const MAX_ROOM_BYTES = 100 * 1024 * 1024
/** Until the answer begins, and then for each pause in it. */
const SEND_JOIN_TIMEOUT_MS = 60_000
/** Small rooms have all of their state by then, and nobody notices that they came in two parts. */
const PATIENCE_MS = 3_000
/** For what came before a join and is not here yet. */
const CATCH_UP_MS = 20_000

export class FederatedRooms implements RemoteRooms {
  readonly #parts: RemoteRoomsParts

  constructor(parts: RemoteRoomsParts) {
    this.#parts = parts
  }

  async join(change: RemoteChange): Promise<EventId> {
    const eventId = await this.#parts.entrances.through(change.roomId, () => this.#join(change))
    await this.#parts.partialRooms.isWhole(change.roomId, PATIENCE_MS)
    return eventId
  }

  async #join(change: RemoteChange): Promise<EventId> {
    return await firstThatCan(await this.#candidates(change), async (server) => {
      const passage = await this.#sign(server, 'join', change)
      const told = await this.#sendJoin(server, passage)
      using _ = told.events
      const event = await this.#asTaken(server, passage, told)
      return (await this.#parts.members.hasLocal(change.roomId))
        ? await this.#enterAgain(server, event)
        : await this.#enter(server, { ...passage, event }, told)
    })
  }

  async joinAnew(server: ServerName, change: RemoteChange): Promise<EventId> {
    return await this.#parts.entrances.through(change.roomId, async () => {
      const passage = await this.#sign(server, 'join', change)
      const told = await this.#sendJoin(server, passage, true)
      using _ = told.events
      const event = await this.#asTaken(server, passage, told)
      return await this.#enter(server, { ...passage, event }, told)
    })
  }

  async catchUp(change: RemoteChange): Promise<void> {
    await this.#parts.outbox.heard(await this.#candidates(change))
  }

  async knock(change: RemoteChange): Promise<EventId> {
    return await firstThatCan(await this.#candidates(change), async (server) => {
      const { version, event } = await this.#sign(server, 'knock', change)
      const path = federationPath`/v1/send_knock/${change.roomId}/${event.eventId}`
      const { knock_room_state: told } = await this.#parts.client.put(server, path, { body: event.pdu })
      const strippedState = await checkToldState(this.#parts.verifier, version, change.roomId, told).catch(nothingShown)
      await this.#parts.writer.setOutOfBand({ roomId: change.roomId, version, event, strippedState })
      return event.eventId
    })
  }

  async leave(change: RemoteChange): Promise<EventId> {
    const { roomId } = change
    try {
      return await firstThatCan(await this.#candidates(change), async (server) => {
        const { version, event } = await this.#sign(server, 'leave', change)
        const path = federationPath`/v2/send_leave/${roomId}/${event.eventId}`
        await this.#parts.client.put(server, path, { body: event.pdu })
        await this.#parts.writer.setOutOfBand({ roomId, version, event, strippedState: [] })
        return event.eventId
      })
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      // The user wants to see no more of the room, whether or not anybody hears of it.
      log.info({ roomId, reason: error.message }, 'left a room that no server could be told about')
      return await leaveAlone(this.#parts, change)
    }
  }

  async invite(roomId: RoomId, draft: EventDraft & { readonly stateKey: UserId }): Promise<EventId> {
    return await this.#parts.outgoing.send(roomId, draft)
  }

  /** Those that were named; else those we know to be there, that wrote what was told of the room, or that named it. */
  async #candidates({ roomId, userId, via }: RemoteChange): Promise<ServerName[]> {
    const { database, signer, roomServers } = this.#parts
    const named = candidatesFrom(signer.serverName, via)
    if (named.length > 0) return named
    const [present, told] = await Promise.all([roomServers.serversIn(roomId), serversTold(database, roomId, userId)])
    return candidatesFrom(signer.serverName, [...present, ...told, serverNameOf(roomId)])
  }

  async #sign(server: ServerName, membership: Passage, change: RemoteChange): Promise<SignedPassage> {
    const { client, signer, clock, rooms } = this.#parts
    const passage = await signPassage({ client, signer, now: () => clock.now() }, server, membership, change)
    const here = await rooms.versionOf(change.roomId)
    if (here && here.id !== passage.version.id) throw unusable(server, 'told of a room of another version than it is')
    return passage
  }

  /** Most members may be left out, unless the `whole` room is asked for. */
  async #sendJoin(server: ServerName, { version, event }: SignedPassage, whole = false): Promise<ToldRoom> {
    const path = federationPath`/v2/send_join/${event.roomId}/${event.eventId}`
    const { body } = await this.#parts.client.open('PUT', server, path, {
      body: event.pdu,
      ...(whole ? {} : { query: { omit_members: 'true', 'org.matrix.msc3706.partial_state': 'true' } }),
      maxBytes: MAX_ROOM_BYTES,
      timeoutMs: SEND_JOIN_TIMEOUT_MS,
    })
    try {
      return await readRoom({ version, roomId: event.roomId }, this.#parts.verifier, body)
    } catch (cause) {
      throw unusable(server, 'answered to the join with something that cannot be read', cause)
    } finally {
      body.destroy()
    }
  }

  /** The join with the signature of the server that authorised it, where one had to. */
  async #asTaken(server: ServerName, { version, event }: SignedPassage, told: ToldRoom): Promise<RemoteEvent> {
    if (event.pdu.content['join_authorised_via_users_server'] === undefined) return event
    const taken = await this.#parts.verifier.verify(version, event.roomId, told.event)
    if (taken.eventId !== event.eventId) throw unusable(server, 'took another join than it was sent')
    return taken
  }

  async #enter(
    server: ServerName,
    { version, event }: { readonly version: SignedPassage['version']; readonly event: RemoteEvent },
    told: ToldRoom,
  ): Promise<EventId> {
    const { writer, signer } = this.#parts
    const { roomId } = event
    const state = await this.#store(server, { version, roomId }, told)
    const servers = told.servers.filter((name) => name !== signer.serverName)
    const partial = told.membersOmitted ? { toldBy: server, servers: [...new Set([server, ...servers])] } : undefined
    return (await writer.adopt({ roomId, version, event, state, partial })).eventId
  }

  /** Gives the ids of the state. What a large room is told of is stored while the rest is verified (T45). */
  async #store(server: ServerName, { roomId, version }: RoomOfVersion, told: ToldRoom): Promise<EventId[]> {
    const { writer } = this.#parts
    const fates = new Map<EventId, 'accepted' | 'rejected'>()
    for await (const events of told.events.verified()) {
      for (const [eventId, fate] of await writer.storeOutliers(roomId, version, events)) fates.set(eventId, fate)
    }
    checkState(server, version, told, fates)
    return [...told.state.keys()].filter((eventId) => fates.get(eventId) === 'accepted')
  }

  /** Into a room that this server is in: its state is here, and the join comes to it like any other event, with those before it. */
  async #enterAgain(server: ServerName, event: RemoteEvent): Promise<EventId> {
    const { missing, outbox } = this.#parts
    const signal = AbortSignal.timeout(CATCH_UP_MS)
    const receipt = await outbox.alreadyTold(event.eventId, () => missing.complete(server, event, signal))
    if (receipt.status === 'accepted') return event.eventId
    if (receipt.status === 'missing') throw unusable(server, 'knows of events in the room that have not come here yet')
    throw forbidden(receipt.reason ?? 'The room does not allow this')
  }
}

function nothingShown(error: unknown): JsonObject[] {
  if (error instanceof MatrixError) return []
  throw error
}
