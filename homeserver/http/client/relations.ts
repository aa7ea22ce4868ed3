import { z } from 'zod'
import type { EventId } from '../../core/ids.ts'
import type { Requester } from '../../domain/accounts/requester.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { flag } from '../query-flag.ts'
import type { Services } from '../services.ts'
import { direction, limit, listText, token, tokenMember } from './paging.ts'
import { eventIdOf, roomIdOf } from './path-ids.ts'

const DEFAULT_LIMIT = 20

const query = z.object({
  dir: direction.default('b'),
  from: token,
  to: token,
  limit,
  recurse: flag.optional(),
})

const unstable = '/_matrix/client/unstable'
const common = { method: 'GET', since: ['v1'], auth: 'user', limit: 'read', query } as const

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventid */
const listAll = endpoint({
  ...common,
  path: '/rooms/:roomId/relations/:eventId',
  also: [`${unstable}/rooms/:roomId/relations/:eventId`],
  handle: (call, services) => answer(call.params, call.who, call.query, services),
})

const listOfKind = endpoint({
  ...common,
  path: '/rooms/:roomId/relations/:eventId/:relType',
  also: [`${unstable}/rooms/:roomId/relations/:eventId/:relType`],
  handle: (call, services) => answer(call.params, call.who, call.query, services),
})

const listOfType = endpoint({
  ...common,
  path: '/rooms/:roomId/relations/:eventId/:relType/:eventType',
  also: [`${unstable}/rooms/:roomId/relations/:eventId/:relType/:eventType`],
  handle: (call, services) => answer(call.params, call.who, call.query, services),
})

async function answer(
  path: { readonly roomId: string; readonly eventId: string; readonly relType?: string; readonly eventType?: string },
  who: Requester,
  { dir, from, to, limit: wanted, recurse }: z.output<typeof query>,
  { relations }: Services,
): Promise<JsonText> {
  const target: EventId = eventIdOf(path)
  const page = await relations.related(who, roomIdOf(path), {
    target,
    relType: path.relType,
    type: path.eventType,
    dir,
    from,
    to,
    limit: Math.max(1, wanted ?? DEFAULT_LIMIT),
    recurse: recurse ?? false,
  })
  const depth = recurse === undefined ? '' : `,"recursion_depth":${page.depth}`
  return new JsonText(
    `{"chunk":${listText(page.chunk)}${tokenMember('next_batch', page.next)}${tokenMember('prev_batch', from)}${depth}}`,
  )
}

export const relationsEndpoints = [listAll, listOfKind, listOfType]
