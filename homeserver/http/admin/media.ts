/** Files. https://element-hq.github.io/synapse/latest/admin_api/media_admin_api.html */
import { z } from 'zod'
import { type ListedMedia, mediaUsageOrders } from '../../domain/media/media-admin.ts'
import { endpoint } from '../endpoint.ts'
import { flag } from '../query-flag.ts'
import { count, direction, from, limit, nextToken, time } from './queries.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const ofUser = { ...common, path: '/_synapse/admin/v1/users/:userId/media' } as const
const one = { ...common, path: '/_synapse/admin/v1/media/:serverName/:mediaId' } as const

const list = endpoint({
  ...ofUser,
  method: 'GET',
  query: z.object({ from, limit }),
  handle: async ({ params, query }, { userAdmin, mediaAdmin }) => {
    const { user_id: userId } = await userAdmin.get(params.userId)
    const { media, total } = await mediaAdmin.listOf(userId, query)
    return { media: media.map(shown), total, ...nextToken(query, media.length, total) }
  },
})

/** All of them unless `limit` is told. */
const removeOfUser = endpoint({
  ...ofUser,
  method: 'DELETE',
  query: z.object({ limit: count.optional() }),
  handle: async ({ params, query }, { userAdmin, mediaAdmin }) => {
    const { user_id: userId } = await userAdmin.get(params.userId)
    const removed = await mediaAdmin.remove({ userId }, { most: query.limit })
    return { deleted_media: removed, total: removed.length }
  },
})

const get = endpoint({
  ...one,
  method: 'GET',
  handle: async ({ params }, { mediaAdmin }) => ({
    media_info: shown(await mediaAdmin.get({ server: params.serverName, mediaId: params.mediaId })),
  }),
})

const remove = endpoint({
  ...one,
  method: 'DELETE',
  handle: async ({ params }, { mediaAdmin }) => {
    const mxc = { server: params.serverName, mediaId: params.mediaId }
    await mediaAdmin.get(mxc)
    const removed = await mediaAdmin.remove({ mxc })
    return { deleted_media: removed, total: removed.length }
  },
})

/** What was uploaded here. */
const removeOld = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v1/media/delete',
  query: z.object({ before_ts: time, size_gt: time.default(0), keep_profiles: flag.optional() }),
  handle: async ({ query }, { mediaAdmin }) => {
    const removed = await mediaAdmin.remove({
      origin: 'local',
      beforeTs: query.before_ts,
      above: query.size_gt === 0 ? undefined : query.size_gt,
      keepsAvatars: query.keep_profiles !== false,
    })
    return { deleted_media: removed, total: removed.length }
  },
})

/** Copies from other servers: they come again when somebody asks for them. */
const purgeCopies = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v1/purge_media_cache',
  query: z.object({ before_ts: time }),
  handle: async ({ query }, { mediaAdmin }) => ({
    deleted: (await mediaAdmin.remove({ origin: 'remote', beforeTs: query.before_ts })).length,
  }),
})

const statistics = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v1/statistics/users/media',
  query: z.object({
    from,
    limit,
    order_by: z.enum(mediaUsageOrders).default('user_id'),
    dir: direction,
    search_term: z.string().optional(),
  }),
  handle: async ({ query }, { mediaAdmin }) => {
    const { users, total } = await mediaAdmin.usage({
      term: query.search_term,
      order: query.order_by,
      descending: query.dir === 'b',
      from: query.from,
      limit: query.limit,
    })
    return { users, total, ...nextToken(query, users.length, total) }
  },
})

const shown = (media: ListedMedia) => ({
  media_id: media.media_id,
  media_origin: media.user_id === null ? media.server_name : null,
  user_id: media.user_id,
  media_type: media.content_type,
  media_length: media.size,
  upload_name: media.file_name,
  created_ts: media.created_ts,
  last_access_ts: null, // not kept
  quarantined_by: media.quarantined_by,
  safe_from_quarantine: media.is_protected === 1,
})

export const adminMediaEndpoints = [list, removeOfUser, get, remove, removeOld, purgeCopies, statistics]
