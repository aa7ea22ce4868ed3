/** Requests of sliding sync whose answers are looked at whole: what has the wrong form fails there and then (T18). */
import { z } from 'zod'
import type { Client } from './client.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

export const slidingPath = '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync'

const count = z.int().nonnegative()
const roomId = z.string().regex(/^!/)
const userId = z.string().regex(/^@.+:/)
const content = z.looseObject({})
const event = z.strictObject({
  content,
  msc4354_sticky: z.strictObject({ duration_ms: count }).optional(),
  event_id: z.string().regex(/^\$/),
  origin_server_ts: z.int(),
  redacts: z.string().optional(),
  sender: userId,
  state_key: z.string().optional(),
  type: z.string(),
  unsigned: z.looseObject({ age: z.int() }),
})
const stateEvent = event.extend({ state_key: z.string() })
const stateStub = z.strictObject({ type: z.string(), state_key: z.string() })
const stripped = z.object({ content, sender: userId, state_key: z.string(), type: z.string() })
const hero = z.strictObject({
  user_id: userId,
  displayname: z.string().optional(),
  avatar_url: z.string().optional(),
})

const joinedRoom = z.strictObject({
  bump_stamp: z.int(),
  notification_count: count.optional(),
  highlight_count: count.optional(),
  initial: z.literal(true).optional(),
  is_dm: z.literal(true).optional(),
  joined_count: count.optional(),
  invited_count: count.optional(),
  name: z.string().optional(),
  avatar: z.string().nullable().optional(),
  heroes: z.array(hero).max(5).optional(),
  required_state: z.array(z.union([stateEvent, stateStub])).optional(),
  timeline: z.array(event).optional(),
  limited: z.boolean().optional(),
  num_live: count.optional(),
  prev_batch: z.string().optional(),
  unstable_expanded_timeline: z.literal(true).optional(),
})
const invitedRoom = z.strictObject({
  bump_stamp: z.int(),
  initial: z.literal(true),
  is_dm: z.literal(true).optional(),
  invite_state: z.array(stripped).min(1),
})

const kept = z.strictObject({ type: z.string(), content })
const ofRooms = <Room extends z.ZodType>(room: Room): z.ZodType => z.strictObject({ rooms: z.record(roomId, room) })
const subscription = z.strictObject({ automatic: z.boolean(), bump_stamp: z.int() })
const byThread = <Thread extends z.ZodType>(thread: Thread): z.ZodType => z.record(roomId, z.record(z.string(), thread))

const extensions = z.strictObject({
  to_device: z
    .strictObject({
      next_batch: z.string(),
      events: z.array(z.strictObject({ content, sender: userId, type: z.string() })),
    })
    .optional(),
  e2ee: z
    .strictObject({
      device_one_time_keys_count: z.record(z.string(), count),
      device_unused_fallback_key_types: z.array(z.string()),
      device_lists: z.strictObject({ changed: z.array(userId), left: z.array(userId) }).optional(),
    })
    .optional(),
  account_data: z.strictObject({ global: z.array(kept), rooms: z.record(roomId, z.array(kept).min(1)) }).optional(),
  receipts: ofRooms(
    z.strictObject({
      type: z.literal('m.receipt'),
      content: z.record(z.string(), z.record(z.string(), z.record(userId, z.looseObject({ ts: z.int() })))),
    }),
  ).optional(),
  typing: ofRooms(
    z.strictObject({ type: z.literal('m.typing'), content: z.strictObject({ user_ids: z.array(userId) }) }),
  ).optional(),
  'io.element.msc4308.thread_subscriptions': z
    .strictObject({
      subscribed: byThread(subscription).optional(),
      unsubscribed: byThread(subscription.omit({ automatic: true })).optional(),
      prev_batch: z.string().optional(),
    })
    .optional(),
  'org.matrix.msc4354.sticky_events': z
    .strictObject({
      next_batch: z.string(),
      rooms: z.record(roomId, z.strictObject({ events: z.array(event).min(1) })),
    })
    .optional(),
  'org.matrix.msc4262.profiles': z
    .strictObject({
      users: z.record(
        userId,
        z.strictObject({ updated: z.looseObject({}).optional(), removed: z.array(z.string()).optional() }).nullable(),
      ),
    })
    .optional(),
})

export const slidingAnswer = z.strictObject({
  pos: z.string(),
  txn_id: z.string().optional(),
  lists: z.record(z.string(), z.strictObject({ count })),
  rooms: z.record(roomId, z.union([invitedRoom, joinedRoom])),
  extensions,
})

/** Sends a request and gives the answer, which has the form it should have. */
export async function slide(client: Client, body: Json, query: Record<string, string | number> = {}): Promise<Json> {
  const entries = Object.entries(query).map(([key, value]): [string, string] => [key, String(value)])
  const answer = await client.post(`${slidingPath}?${new URLSearchParams(entries).toString()}`, body)
  return slidingAnswer.parse(answer)
}
