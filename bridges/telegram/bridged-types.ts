/** Events of Matrix that are listened to. */
import type { MatrixEvent } from '../appservice/event.ts'

/** What is that of a room by its state alone: anybody may send messages of these types, which say nothing. */
const ofRooms: ReadonlySet<string> = new Set([
  'm.room.pinned_events',
  'm.room.name',
  'm.room.topic',
  'm.room.avatar',
  'm.room.tombstone',
])

/** Whether the event is what its type says: state where that is state, and a message where it is none. */
export const isOfItsType = ({ type, state_key: key }: MatrixEvent): boolean =>
  type === 'm.room.member' ? key !== undefined : key === (ofRooms.has(type) ? '' : undefined)

/** Types that have something for Telegram; of the others nothing is kept. */
export const bridgedTypes: ReadonlySet<string> = new Set([
  'm.room.message',
  'm.sticker',
  'm.reaction',
  'm.room.redaction',
  'm.room.member',
  ...ofRooms,
  'm.poll.start',
  'm.poll.end',
  'org.matrix.msc3381.poll.start',
  'org.matrix.msc3381.poll.end',
])
