/** What other servers know of a time in a room's history. https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1timestamp_to_eventroomid */
import { MatrixError } from '../../core/errors.ts'
import { isEventId, type RoomId } from '../../core/ids.ts'
import type { TimeSource } from '../rooms/hooks.ts'
import type { EventInTime, TimeQuestion } from '../rooms/timestamp.ts'
import { type FederationClient, federationPath } from './client.ts'
import type { RoomServers } from './room-servers.ts'
import type { ServerFilter } from './server-filter.ts'

export interface RemoteTimesParts {
  readonly client: FederationClient
  readonly roomServers: RoomServers
  /** False for ourselves. */
  readonly mayAsk: ServerFilter
}

const MAX_SERVERS = 3
/** A client waits for it. */
const TIMEOUT_MS = 8_000

export class RemoteTimes implements TimeSource {
  readonly #parts: RemoteTimesParts

  constructor(parts: RemoteTimesParts) {
    this.#parts = parts
  }

  async nearest(roomId: RoomId, { ts, dir }: TimeQuestion): Promise<EventInTime | undefined> {
    const { client, roomServers, mayAsk } = this.#parts
    const servers = [...(await roomServers.serversIn(roomId))].filter(mayAsk)
    for (const server of servers.slice(0, MAX_SERVERS)) {
      try {
        const path = federationPath`/v1/timestamp_to_event/${roomId}`
        const answer = await client.get(server, path, { query: { ts, dir }, timeoutMs: TIMEOUT_MS })
        const { event_id: eventId, origin_server_ts: found } = answer
        if (isEventId(eventId) && typeof found === 'number') return { eventId, ts: found }
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
      }
    }
    return undefined
  }
}
