/** Keeps what strangers may ask about a room in step with its state. */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { RoomStats } from '../../storage/rooms.ts'

/** The stats after a state event; the same object if nothing of interest changed. */
export function statsAfter(
  stats: RoomStats,
  {
    type,
    stateKey,
    content,
    before,
  }: { type: string; stateKey: string; content: JsonObject; before: JsonObject | undefined },
): RoomStats {
  if (type === 'm.room.member') return afterMember(stats, content['membership'], before?.['membership'])
  if (stateKey !== '') return stats
  const read = Object.hasOwn(readers, type) ? readers[type] : undefined // a type may be called `__proto__`
  return read ? { ...stats, ...read(content) } : stats
}

function afterMember(stats: RoomStats, now: Json | undefined, before: Json | undefined): RoomStats {
  if (now === before) return stats
  const step = (membership: string): number => Number(now === membership) - Number(before === membership)
  return {
    ...stats,
    joined_members: stats.joined_members + step('join'),
    invited_members: stats.invited_members + step('invite'),
  }
}

/** A text that a database column takes: T08 refuses U+0000 there on both engines. */
function text(value: Json | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value.replaceAll('\0', '') : null
}

const readers: Readonly<Record<string, (content: JsonObject) => Partial<RoomStats>>> = {
  'm.room.create': (content) => ({
    room_type: text(content['type']),
    federate: content['m.federate'] === false ? 0 : 1,
  }),
  'm.room.name': (content) => ({ name: text(content['name']) }),
  'm.room.topic': (content) => ({ topic: text(content['topic']) ?? topicBlock(content['m.topic']) }),
  'm.room.avatar': (content) => ({ avatar_url: text(content['url']) }),
  'm.room.canonical_alias': (content) => ({ canonical_alias: text(content['alias']) }),
  'm.room.join_rules': (content) => ({ join_rule: text(content['join_rule']) }),
  'm.room.history_visibility': (content) => ({ history_visibility: text(content['history_visibility']) }),
  'm.room.guest_access': (content) => ({ guest_access: text(content['guest_access']) }),
  'm.room.encryption': (content) => ({ encryption: text(content['algorithm']) }),
}

/** The plain text of a rich topic. https://spec.matrix.org/v1.19/client-server-api/#mroomtopic */
function topicBlock(block: Json | undefined): string | null {
  const texts = isJsonObject(block) ? block['m.text'] : undefined
  if (!Array.isArray(texts)) return null
  const plain = (texts as readonly Json[]).find(
    (part) => isJsonObject(part) && (part['mimetype'] ?? 'text/plain') === 'text/plain',
  )
  return isJsonObject(plain) ? text(plain['body']) : null
}
