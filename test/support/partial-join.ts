/** A room of another server that one of our users joins, with a part of its state or with all of it. */
import { referenceIds, stateKeyOf } from '../../homeserver/core/event.ts'
import type { ServerName, UserId } from '../../homeserver/core/ids.ts'
import type { FinishedEvent } from '../../homeserver/core/pdu.ts'
import type { Heart } from './heart.ts'
import type { Fork, PeerRoom } from './peer-room.ts'

export interface JoinedRoom {
  readonly room: PeerRoom
  /** As it was before the join. */
  readonly before: Fork
  readonly join: FinishedEvent
}

/** Somebody who is on another server than the room's is in it, too, as that server says. */
export const thirdServer: ServerName = 'third.test'

export function joinOn(room: PeerRoom, userId: UserId): JoinedRoom {
  const before = room.fork()
  return { room, before, join: room.member(userId, 'join') }
}

/** Without its members, if not `whole`: `complete` tells of them. */
export async function enter(heart: Heart, { room, before, join }: JoinedRoom, whole = false): Promise<void> {
  const { roomId, version } = room
  const known = [...room.events.values()].filter(({ eventId }) => eventId !== join.eventId)
  const members = stateKeyOf('m.room.member', '')
  const state = [...before.state].flatMap(([key, id]) => (whole || !key.startsWith(members) ? [id] : []))
  const needed = new Set(state)
  for (const id of [...needed, join.eventId]) needed.add(id)
  for (const id of needed)
    for (const cited of referenceIds(room.events.get(id)?.pdu.auth_events ?? [])) needed.add(cited)
  const told = whole ? known : known.filter(({ eventId }) => needed.has(eventId))
  await heart.writer.storeOutliers(roomId, version, told)
  const toldBy = room.signer.serverName
  const partial = { toldBy, servers: [toldBy, thirdServer] }
  await heart.writer.adopt({ roomId, version, event: join, state, ...(whole ? {} : { partial }) })
}

/** Resolves to those whose membership has changed meanwhile. */
export async function complete(heart: Heart, { room, before, join }: JoinedRoom): Promise<ReadonlySet<UserId>> {
  await heart.writer.storeOutliers(room.roomId, room.version, [...room.events.values()])
  const told = { stateBefore: [...before.state.values()], mustAgree: true }
  return await heart.writer.complete(room.roomId, new Map([[join.eventId, told]]))
}
