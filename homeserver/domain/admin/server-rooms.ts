/** Rooms that the server itself makes, and gathers in a space if there is to be one. */
import { VOICE_ROOM } from '../../core/call-rooms.ts'
import { isRoomAlias, type RoomId, type ServerName } from '../../core/ids.ts'
import type { RoomCreator } from '../rooms/create.ts'
import type { RoomDirectory } from '../rooms/hooks.ts'
import type { RoomState } from '../rooms/state.ts'
import type { ServerUser } from './server-user.ts'

export interface ServerRoomsParts {
  readonly serverName: ServerName
  readonly serverUser: ServerUser
  /** The alias of the space, if it is on this server and there. */
  readonly space: string | undefined
  readonly directory: RoomDirectory
  readonly roomCreator: RoomCreator
  readonly roomState: RoomState
}

export interface ServerRoom {
  readonly kind: 'space' | 'talk' | 'voice'
  readonly name: string
  readonly aliasLocalpart: string | undefined
}

const kinds = {
  space: { creationContent: { type: 'm.space' }, powerLevels: { events_default: 100 } },
  talk: {},
  voice: { creationContent: { type: VOICE_ROOM } },
} as const

export class ServerRooms {
  readonly #parts: ServerRoomsParts

  constructor(parts: ServerRoomsParts) {
    this.#parts = parts
  }

  /** Open to everybody, and in the space unless it is that. Throws as creating a room does. */
  async make({ kind, name, aliasLocalpart }: ServerRoom): Promise<RoomId> {
    const { serverUser, serverName, roomCreator, roomState } = this.#parts
    const who = serverUser.acting('rooms of the server')
    const roomId = await roomCreator.create(who, { preset: 'public_chat', name, aliasLocalpart, ...kinds[kind] })
    const space = kind === 'space' ? undefined : await this.#space()
    if (space === undefined) return roomId
    const content = { via: [serverName] }
    await roomState.set(who, { roomId: space, type: 'm.space.child', stateKey: roomId, content })
    const parent = { ...content, canonical: true }
    await roomState.set(who, { roomId, type: 'm.space.parent', stateKey: space, content: parent })
    return roomId
  }

  async #space(): Promise<RoomId | undefined> {
    const { space, directory } = this.#parts
    return space !== undefined && isRoomAlias(space) ? (await directory.resolve(space))?.roomId : undefined
  }
}
