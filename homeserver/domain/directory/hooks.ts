/** What the directory asks of those who come after it: `compose.ts` fulfils it. */
import type { JsonObject } from '../../core/event.ts'
import type { RoomAlias, RoomId, ServerName } from '../../core/ids.ts'
import type { PublicRoomsRequest } from './public-rooms.ts'
import type { ChildEvent } from './space-children.ts'

/** Knows who is in a room. */
export interface RoomServers {
  serversIn(roomId: RoomId): Promise<ReadonlySet<ServerName>>
}

/** A room as another server describes it: fields whose forms have been looked at. */
export type RemoteSummary = JsonObject & { readonly room_id: RoomId }

export interface RemoteSpace {
  readonly room: RemoteSummary
  /** In their order. */
  readonly children: readonly ChildEvent[]
  /** What the server knows of the rooms that these events name. */
  readonly childRooms: ReadonlyMap<RoomId, RemoteSummary>
  /** Of those rooms, the ones that none of our users may know of. */
  readonly inaccessible: ReadonlySet<string>
}

/** Whoever asks other servers. Except where it says so, they throw `MatrixError` as clients may see it. */
export interface RemoteDirectory {
  /** Undefined for an alias that its server does not know. */
  resolve(alias: RoomAlias): Promise<{ readonly roomId: RoomId; readonly servers: readonly ServerName[] } | undefined>
  publicRooms(server: ServerName, request: PublicRoomsRequest): Promise<object>
  /** Undefined if none of the servers tells. Never throws. */
  space(
    roomId: RoomId,
    options: { readonly suggestedOnly: boolean; readonly via: readonly ServerName[] },
  ): Promise<RemoteSpace | undefined>
}

/** Filled by those who come after the directory. */
export interface DirectoryHooks {
  /** None where nobody talks with other servers. */
  readonly remoteDirectories: RemoteDirectory[]
}
