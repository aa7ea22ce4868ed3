/** https://github.com/matrix-org/matrix-spec-proposals/pull/4186 */
import { z } from 'zod'
import type { StatePattern } from '../../domain/sync/sliding/required-state.ts'
import type { AskedExtensions } from '../../domain/sync/sliding/request.ts'
import { maxListName, maxRequiredState, maxRoomSubscriptions, maxSlidingLists } from '../../domain/limits.ts'
import { endpoint, JsonText } from '../endpoint.ts'

/** Longer than any client waits, and than proxies keep a silent connection. */
const maxTimeoutMs = 300_000
/** Events of one timeline; the client asks for more by `prev_batch`. */
const maxTimeline = 100

const timeout = z.coerce.number().int().nonnegative()
const presence = z.enum(['online', 'offline', 'unavailable'])
const flag = z
  .boolean()
  .nullish()
  .transform((given) => given ?? undefined)
const texts = z
  .array(z.string())
  .nullish()
  .transform((given) => given ?? undefined)
const types = z
  .array(z.string().nullable())
  .nullish()
  .transform((given) => given ?? undefined)

const pattern: z.ZodType<StatePattern> = z.tuple([z.string(), z.string()])
const room = z.object({
  timeline_limit: z
    .int()
    .nonnegative()
    .transform((limit) => Math.min(limit, maxTimeline)),
  required_state: z.array(pattern).max(maxRequiredState).default([]),
})
const range = z.tuple([z.int().nonnegative(), z.int().nonnegative()])
const filters = z.object({
  is_dm: flag,
  is_encrypted: flag,
  is_invite: flag,
  spaces: texts,
  room_types: types,
  not_room_types: types,
  room_name_like: z
    .string()
    .nullish()
    .transform((given) => given ?? undefined),
  tags: texts,
  not_tags: texts,
})
const list = room.extend({
  ranges: z.array(range).max(100).optional(),
  slow_get_all_rooms: z.boolean().optional(),
  filters: filters.optional(),
})

const enabled = z
  .boolean()
  .nullish()
  .transform((given) => given === true)
const names = z
  .array(z.string())
  .nullish()
  .transform((given) => given ?? ['*'])
const extension = z.object({ enabled })
const roomExtension = z.object({ enabled, lists: names, rooms: names })
const limited = z.object({ enabled, limit: z.int().positive().catch(100).default(100) })
const place = z
  .string()
  .regex(/^\d{1,15}$/, 'is no position')
  .transform(Number)

const paged = limited.extend({ since: place.nullish().transform((given) => given ?? undefined) })

const extensions = z.object({
  to_device: paged.optional(),
  e2ee: extension.optional(),
  account_data: roomExtension.optional(),
  receipts: roomExtension.optional(),
  typing: roomExtension.optional(),
  'io.element.msc4308.thread_subscriptions': limited.optional(),
  'org.matrix.msc4354.sticky_events': paged.optional(),
  sticky_events: paged.optional(),
  'org.matrix.msc4262.profiles': roomExtension.extend({ fields: texts }).optional(),
})

/** Clients put `pos` and the like into the query, the proposal into the body. */
const body = z.object({
  conn_id: z.string().max(255).default(''),
  txn_id: z.string().max(255).optional(),
  pos: z.string().optional(),
  timeout: z.int().nonnegative().optional(),
  set_presence: presence.optional(),
  lists: z
    .record(z.string().max(maxListName), list)
    .refine((lists) => Object.keys(lists).length <= maxSlidingLists, `has more than ${maxSlidingLists} lists`)
    .nullish(),
  room_subscriptions: z
    .record(z.string(), room)
    .refine((rooms) => Object.keys(rooms).length <= maxRoomSubscriptions, 'has too many rooms')
    .nullish(),
  extensions: extensions.nullish(),
})

const slidingSync = endpoint({
  method: 'POST',
  path: '/_matrix/client/unstable/org.matrix.simplified_msc3575/sync',
  auth: 'user',
  limit: 'sync',
  whileSuspended: true,
  query: z.object({
    pos: z.string().optional(),
    timeout: timeout.optional(),
    set_presence: presence.optional(),
  }),
  body,
  handle: async ({ query, body: asked, who, signal }, { slidingSync: syncs, sessionWatch }) => {
    using session = sessionWatch.begin(who, signal)
    const answer = await syncs.sync({
      who,
      connId: asked.conn_id,
      pos: (query.pos ?? asked.pos) || undefined,
      txnId: asked.txn_id,
      lists: asked.lists ?? {},
      subscriptions: asked.room_subscriptions ?? {},
      extensions: extensionsOf(asked.extensions ?? {}),
      timeoutMs: Math.min(query.timeout ?? asked.timeout ?? 0, maxTimeoutMs),
      setPresence: query.set_presence ?? asked.set_presence ?? 'online',
      signal: session.signal,
    })
    // News may have come first that the end of the session has brought. When the server stops, the answer goes out.
    if (!signal.aborted) session.signal.throwIfAborted()
    return new JsonText(answer)
  },
})

function extensionsOf(asked: z.output<typeof extensions>): AskedExtensions {
  const {
    'io.element.msc4308.thread_subscriptions': threadSubscriptions,
    'org.matrix.msc4262.profiles': profiles,
    'org.matrix.msc4354.sticky_events': stickyEvents,
    ...others
  } = asked
  return {
    ...others,
    thread_subscriptions: threadSubscriptions,
    sticky_events: stickyEvents ?? others.sticky_events,
    profiles,
  }
}

export const slidingSyncEndpoints = [slidingSync]
