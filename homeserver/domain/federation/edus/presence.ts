/** Who is there, told to and by other servers. https://spec.matrix.org/v1.19/server-server-api/#presence */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import { type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import type { Background, Service } from '../../../platform/lifecycle.ts'
import type { PresenceRow, PresenceState } from '../../../storage/presence.ts'
import type { Presence } from '../../ephemeral/presence.ts'
import type { PresenceNews } from '../../ephemeral/presence-log.ts'
import type { RemoteReport } from '../../ephemeral/remote-presence.ts'
import type { Members } from '../../rooms/members.ts'
import { newsOf } from '../../rooms/news.ts'
import type { Outbox } from '../outbox.ts'
import type { Edu, EduReceiver } from '../receive/edu-receiver.ts'
import type { RoomServers } from '../room-servers.ts'
import { speaksFor } from './edu-gate.ts'

export interface PresenceEdusParts {
  readonly bus: Bus
  readonly background: Background
  readonly members: Members
  readonly roomServers: RoomServers
  readonly presence: Presence
  readonly outbox: Outbox
}

/** Users of one EDU that are looked at. */
const MAX_USERS = 1_000
/** Users whom a server that comes into a room is told of. */
const MAX_INTRODUCED = 100

export class PresenceEdus implements EduReceiver, Service {
  readonly name = 'presence of other servers'
  readonly #parts: PresenceEdusParts
  #leave: (() => void) | undefined

  constructor(parts: PresenceEdusParts) {
    this.#parts = parts
  }

  start(): Promise<void> {
    const { bus, background, members } = this.#parts
    this.#leave = bus.subscribe((bell) => {
      const joins = (newsOf(bell)?.memberships ?? []).filter(({ membership }) => membership === 'join')
      for (const [roomId, rows] of Map.groupBy(joins, ({ room_id }) => room_id)) {
        const came = new Set(rows.map(({ user_id }) => user_id))
        background.run('introduce users', () => this.#introduce(roomId, came))
      }
      const news = bell.stream === 'presence' ? (bell.payload as PresenceNews | undefined) : undefined // only presence.ts rings this stream
      const ours = news?.rows.filter((row) => members.isLocal(row.user_id)) ?? []
      if (ours.length > 0) background.run('tell presence', () => this.#tellAll(ours))
    })
    return Promise.resolve()
  }

  stop(): Promise<void> {
    this.#leave?.()
    return Promise.resolve()
  }

  async receive(origin: ServerName, { content: { push } }: Edu): Promise<void> {
    if (!Array.isArray(push)) return
    for (const said of (push as readonly Json[]).slice(0, MAX_USERS)) {
      if (!isJsonObject(said) || !speaksFor(origin, said['user_id'])) continue
      const report = reportIn(said)
      if (report) await this.#parts.presence.receive(said['user_id'], report)
    }
  }

  async #tellAll(rows: readonly PresenceRow[]): Promise<void> {
    for (const row of rows) this.#tell(row, await this.#serversOf(row.user_id))
  }

  /** Those of ours who came to the servers in the room, and those who were there to servers that were not. */
  async #introduce(roomId: RoomId, came: ReadonlySet<UserId>): Promise<void> {
    const { members, roomServers, presence } = this.#parts
    const servers = await roomServers.serversIn(roomId)
    if (servers.size < 2) return
    const ours = [...came].filter((userId) => members.isLocal(userId))
    if (ours.length > 0) for (const row of await presence.listPresent(ours)) this.#tell(row, servers)
    const added = new Set([...came].map((userId) => serverNameOf(userId)))
    const here: UserId[] = []
    for (const userId of (await members.joined(roomId)).keys()) {
      if (came.has(userId)) continue
      added.delete(serverNameOf(userId))
      if (here.length < MAX_INTRODUCED && members.isLocal(userId)) here.push(userId)
    }
    if (added.size > 0 && here.length > 0) for (const row of await presence.listPresent(here)) this.#tell(row, added)
  }

  #tell(row: PresenceRow, servers: ReadonlySet<ServerName>): void {
    if (servers.size === 0) return
    const push = [{ user_id: row.user_id, last_active_ago: 0, ...this.#parts.presence.contentOf(row) }]
    this.#parts.outbox.passEdu(servers, { type: 'm.presence', content: { push } }, row.user_id)
  }

  /** Those that share a room with our user. */
  async #serversOf(userId: UserId): Promise<ReadonlySet<ServerName>> {
    const { members, roomServers } = this.#parts
    const all = new Set<ServerName>()
    for (const roomId of await members.joinedRooms(userId)) {
      for (const server of await roomServers.serversIn(roomId)) all.add(server)
    }
    return all
  }
}

const states: ReadonlySet<unknown> = new Set<PresenceState>(['online', 'unavailable', 'offline'])

function reportIn(said: JsonObject): RemoteReport | undefined {
  const { presence, last_active_ago: ago, currently_active: active, status_msg: status } = said
  if (!states.has(presence)) return undefined
  return {
    state: presence as PresenceState, // the line above looked
    lastActiveAgo: typeof ago === 'number' ? ago : 0,
    currentlyActive: active === true,
    statusMsg: typeof status === 'string' ? status : null,
  }
}
