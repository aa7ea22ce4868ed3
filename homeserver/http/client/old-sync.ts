/** Deprecated and still asked for: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events */
import { z } from 'zod'
import { notFound } from '../../core/errors.ts'
import { isEventId } from '../../core/ids.ts'
import { formatPaginationToken, formatSyncToken, parseSyncToken } from '../../core/token.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { flag } from '../query-flag.ts'
import { eventFilter, limit, listText, tokenMember } from './paging.ts'
import { roomIdOf } from './path-ids.ts'

const maxTimeoutMs = 300_000
const common = { method: 'GET', since: ['r0', 'v3'], auth: 'user' } as const

const syncToken = z
  .string()
  .transform((text, context) => {
    const token = parseSyncToken(text)
    if (!token) context.addIssue('is no token of this server')
    return token
  })
  .optional()

const listen = endpoint({
  ...common,
  path: '/events',
  limit: 'sync',
  query: z.looseObject({
    from: syncToken,
    timeout: z.coerce.number().int().nonnegative().default(0),
    room_id: z.string().optional(),
  }),
  handle: async ({ who, query: { from, timeout, room_id }, signal }, { oldSync }) => {
    const listening = { who, from, timeoutMs: Math.min(timeout, maxTimeoutMs), signal }
    if (room_id === undefined) return await oldSync.events(listening)
    const { start, end, page } = await oldSync.peek(roomIdOf({ roomId: room_id }), listening)
    const [first, last] = [start, end].map((token) => JSON.stringify(formatSyncToken(token)))
    return new JsonText(`{"start":${first},"end":${last},"chunk":${listText(page.chunk)}}`)
  },
})

const initialSync = endpoint({
  ...common,
  path: '/initialSync',
  limit: 'sync',
  query: z.looseObject({ limit, archived: flag.default(false) }),
  handle: async ({ who, query, signal }, { oldSync }) =>
    await oldSync.initial(who, { limit: query.limit ?? 10, archived: query.archived, signal }),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidinitialsync */
const roomInitialSync = endpoint({
  ...common,
  path: '/rooms/:roomId/initialSync',
  limit: 'read',
  query: z.looseObject({ limit, filter: eventFilter }),
  handle: async ({ who, params, query }, { history, roomState, directory, members, accountData, clientEvents }) => {
    const roomId = roomIdOf(params)
    const reader = await history.enter(who.userId, roomId)
    const { filter } = query
    const range = { dir: 'b', from: undefined, to: undefined, filter, limit: query.limit ?? filter.limit } as const
    const [page, state, visibility, membership, data] = await Promise.all([
      history.messages(who, roomId, reader, range),
      roomState.list(who, roomId),
      directory.visibilityOf(roomId),
      members.find(roomId, who.userId),
      accountData.listRoom(who.userId, roomId),
    ])
    const places = `"end":${JSON.stringify(formatPaginationToken(page.start))}${tokenMember('start', page.end)}`
    return new JsonText(
      `{"room_id":${JSON.stringify(roomId)}${membership ? `,"membership":"${membership.membership}"` : ''}` +
        `,"visibility":"${visibility}","messages":{${places},"chunk":${listText(page.chunk.toReversed())}}` +
        `,"state":${listText(await clientEvents.texts(state, who, { bundled: false }))}` +
        `,"account_data":${listText(data.map(({ type, content }) => `{"type":${JSON.stringify(type)},"content":${content}}`))}}`,
    )
  },
})

const oneEvent = endpoint({
  ...common,
  path: '/events/:eventId',
  limit: 'read',
  handle: async ({ who, params }, { history, events }) => {
    const event = isEventId(params.eventId) ? await events.find(params.eventId) : undefined
    if (!event) throw notFound('There is no such event')
    return new JsonText(await history.event(who, event.roomId, event.eventId))
  },
})

export const oldSyncEndpoints = [listen, initialSync, oneEvent, roomInitialSync]
