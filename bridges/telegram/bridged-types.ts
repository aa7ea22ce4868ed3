/** Types that have something for Telegram; of the others nothing is kept. */
export const bridgedTypes: ReadonlySet<string> = new Set([
  'm.room.message',
  'm.sticker',
  'm.reaction',
  'm.room.redaction',
  'm.room.member',
  'm.room.pinned_events',
  'm.room.name',
  'm.room.topic',
  'm.room.avatar',
  'm.room.tombstone',
  'm.poll.start',
  'm.poll.end',
  'org.matrix.msc3381.poll.start',
  'org.matrix.msc3381.poll.end',
])
