/** Users, as Synapse's administration API has them: https://element-hq.github.io/synapse/latest/admin_api/user_admin_api.html */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { accountOrders, type AccountQuery, type ListedAccount } from '../../domain/admin/user-admin.ts'
import { endpoint, Reply } from '../endpoint.ts'
import { flag } from '../query-flag.ts'
import { direction, from, limit, nextToken } from './queries.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const rights = { ...common, path: '/_synapse/admin/v1/users/:userId/admin' } as const
const user = { ...common, path: '/_synapse/admin/v2/users/:userId' } as const

const listQuery = z.object({
  from,
  limit,
  user_id: z.string().optional(),
  name: z.string().optional(),
  guests: flag.optional(),
  admins: flag.optional(),
  locked: flag.optional(),
  deactivated: flag.optional(),
  order_by: z.enum(accountOrders).default('name'),
  dir: direction,
})

type ListQuery = z.output<typeof listQuery>

const queryOf = (query: ListQuery): AccountQuery => ({
  term: query.name ?? query.user_id,
  isAdmin: query.admins,
  isGuest: query.guests === false ? false : undefined,
  isLocked: query.locked === true ? undefined : false,
  order: query.order_by,
  descending: query.dir === 'b',
  from: query.from,
  limit: query.limit,
})

/** `deactivated=true` brings those that are, besides the others. */
const list = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v2/users',
  query: listQuery,
  handle: async ({ query }, { userAdmin }) => {
    const isDeactivated = query.deactivated === true ? undefined : false
    const { accounts, total } = await userAdmin.search({ ...queryOf(query), isDeactivated })
    return { users: accounts.map(shown), total, ...nextToken(query, accounts.length, total) }
  },
})

/** `deactivated=true` brings those that are and no others. */
const listThree = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v3/users',
  query: listQuery,
  handle: async ({ query }, { userAdmin }) => {
    const { accounts, total } = await userAdmin.search({ ...queryOf(query), isDeactivated: query.deactivated })
    return { users: accounts.map(shown), total, ...nextToken(query, accounts.length, total) }
  },
})

const get = endpoint({
  ...user,
  method: 'GET',
  handle: async ({ params }, { userAdmin }) => {
    const account = await userAdmin.get(params.userId)
    return { ...detailed(account), threepids: await userAdmin.threePids(account.user_id) }
  },
})

const put = endpoint({
  ...user,
  method: 'PUT',
  body: z.object({
    password: z.string().nullish(),
    logout_devices: z.boolean().default(true),
    displayname: z.string().nullish(),
    avatar_url: z.string().nullish(),
    threepids: z
      .array(z.object({ medium: z.enum(['email', 'msisdn']), address: z.string().min(1).max(255) }))
      .nullish(),
    external_ids: z.array(z.unknown()).nullish(),
    admin: z.boolean().nullish(),
    deactivated: z.boolean().nullish(),
    locked: z.boolean().nullish(),
    user_type: z.string().nullish(),
  }),
  handle: async ({ params, who, body }, { userAdmin }) => {
    if ((body.external_ids ?? []).length > 0) throw invalidParam('Accounts of other services are linked by their users')
    if (body.user_type) throw invalidParam('There are no types of users here')
    const { isNew } = await userAdmin.put(who, params.userId, {
      password: body.password ?? undefined,
      logsOut: body.logout_devices,
      displayname: body.displayname ?? undefined,
      avatarUrl: body.avatar_url ?? undefined,
      threePids: body.threepids ?? undefined,
      isAdmin: body.admin ?? undefined,
      isLocked: body.locked ?? undefined,
      isDeactivated: body.deactivated ?? undefined,
    })
    const account = await userAdmin.get(params.userId)
    return new Reply(isNew ? 201 : 200, {
      ...detailed(account),
      threepids: await userAdmin.threePids(account.user_id),
    })
  },
})

const getAdmin = endpoint({
  ...rights,
  method: 'GET',
  handle: async ({ params }, { moderation }) => ({ admin: (await moderation.get(params.userId)).isAdmin }),
})

const putAdmin = endpoint({
  ...rights,
  method: 'PUT',
  body: z.object({ admin: z.boolean() }),
  handle: async ({ params, who, body }, { moderation }) => {
    await moderation.setAdmin(who, params.userId, body.admin)
    return {}
  },
})

/** The button that Element shows to who got an answer from `getAdmin`. */
const deactivate = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v1/deactivate/:userId',
  body: z.object({ erase: z.boolean().default(false) }).prefault({}),
  handle: async ({ params, body }, { moderation }) => {
    await moderation.deactivate(params.userId, { erase: body.erase })
    return { id_server_unbind_result: 'success' } // nothing was bound
  },
})

const resetPassword = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v1/reset_password/:userId',
  body: z.object({ new_password: z.string(), logout_devices: z.boolean().default(true) }),
  handle: async ({ params, body }, { userAdmin }) => {
    await userAdmin.resetPassword(params.userId, body.new_password, { logsOut: body.logout_devices })
    return {}
  },
})

const suspend = endpoint({
  ...common,
  method: 'PUT',
  path: '/_synapse/admin/v1/suspend/:userId',
  body: z.object({ suspend: z.boolean() }),
  handle: async ({ params, who, body }, { moderation }) => {
    await moderation.restrict(who, params.userId, { isSuspended: body.suspend })
    return { [`user_${params.userId}_suspended`]: body.suspend }
  },
})

const joinedRooms = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v1/users/:userId/joined_rooms',
  handle: async ({ params }, { userAdmin, members }) => {
    const { user_id: userId } = await userAdmin.get(params.userId)
    const rooms = await members.joinedRooms(userId)
    return { joined_rooms: rooms, total: rooms.length }
  },
})

const pushers = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v1/users/:userId/pushers',
  handle: async ({ params }, { userAdmin, pushers: kept }) => {
    const { user_id: userId } = await userAdmin.get(params.userId)
    const found = (await kept.list(userId)).map((pusher) => ({
      app_display_name: pusher.appDisplayName,
      app_id: pusher.appId,
      data: pusher.data,
      device_display_name: pusher.deviceDisplayName,
      kind: pusher.kind,
      lang: pusher.lang,
      profile_tag: pusher.profileTag ?? '',
      pushkey: pusher.pushkey,
    }))
    return { pushers: found, total: found.length }
  },
})

const accountData = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v1/users/:userId/accountdata',
  handle: async ({ params }, { userAdmin }) => {
    const { user_id: userId } = await userAdmin.get(params.userId)
    return { account_data: await userAdmin.accountData(userId) }
  },
})

const usernameAvailable = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v1/username_available',
  query: z.object({ username: z.string() }),
  handle: async ({ query }, { registration }) => {
    await registration.checkAvailable(query.username)
    return { available: true }
  },
})

/** Ours: what is kept of a person, for that person. */
const exportUser = endpoint({
  ...common,
  method: 'GET',
  path: '/_domovoi/admin/v1/users/:userId/export',
  handle: async ({ params }, { userAdmin }) => await userAdmin.export(params.userId),
})

function shown(account: ListedAccount) {
  return {
    name: account.user_id,
    displayname: account.displayname,
    avatar_url: account.avatar_url,
    is_guest: account.is_guest === 1,
    admin: account.is_admin === 1,
    user_type: null,
    deactivated: account.is_deactivated === 1,
    erased: account.is_erased === 1,
    shadow_banned: false,
    locked: account.is_locked === 1,
    suspended: account.is_suspended === 1,
    creation_ts: account.created_ts,
    last_seen_ts: account.last_seen_ts,
  }
}

/** Of one user the time of registration comes in seconds. */
function detailed(account: ListedAccount) {
  const appservice = account.appservice_id
  return {
    ...shown(account),
    creation_ts: Math.floor(account.created_ts / 1000),
    appservice_id: appservice,
    consent_version: null,
    external_ids: [],
  }
}

export const adminUsersEndpoints = [
  list,
  listThree,
  get,
  put,
  getAdmin,
  putAdmin,
  deactivate,
  resetPassword,
  suspend,
  joinedRooms,
  pushers,
  accountData,
  usernameAvailable,
  exportUser,
]
