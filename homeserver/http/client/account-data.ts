/** https://spec.matrix.org/v1.19/client-server-api/#client-config */
import { invalidParam, notFound } from '../../core/errors.ts'
import { fitsId } from '../../core/ids.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { jsonObject } from './json-object.ts'
import { ownUserId, roomIdOf } from './path-ids.ts'

const global = '/user/:userId/account_data/:type'
const ofRoom = '/user/:userId/rooms/:roomId/account_data/:type'
/** Deleting is MSC3391. */
const unstable = '/_matrix/client/unstable/org.matrix.msc3391'

function typeOf({ type }: { readonly type: string }): string {
  if (!fitsId(type)) throw invalidParam('A type may have 255 bytes')
  return type
}

function found(content: string | undefined): JsonText {
  if (content === undefined) throw notFound('There is no account data of this type')
  return new JsonText(content)
}

const getAccountData = endpoint({
  method: 'GET',
  path: global,
  since: ['r0', 'v3'],
  also: [`${unstable}${global}`],
  auth: 'user',
  limit: 'read',
  handle: async ({ params, who }, { accountData }) =>
    found(await accountData.find(ownUserId(params, who), '', typeOf(params))),
})

const setAccountData = endpoint({
  method: 'PUT',
  path: global,
  since: ['r0', 'v3'],
  also: [`${unstable}${global}`],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  body: jsonObject,
  handle: async ({ params, who, body }, { accountData }) => {
    await accountData.set(ownUserId(params, who), '', typeOf(params), body)
    return {}
  },
})

const deleteAccountData = endpoint({
  method: 'DELETE',
  path: `${unstable}${global}`,
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  handle: async ({ params, who }, { accountData }) => {
    await accountData.delete(ownUserId(params, who), '', typeOf(params))
    return {}
  },
})

const getRoomAccountData = endpoint({
  method: 'GET',
  path: ofRoom,
  since: ['r0', 'v3'],
  also: [`${unstable}${ofRoom}`],
  auth: 'user',
  limit: 'read',
  handle: async ({ params, who }, { accountData }) =>
    found(await accountData.find(ownUserId(params, who), roomIdOf(params), typeOf(params))),
})

const setRoomAccountData = endpoint({
  method: 'PUT',
  path: ofRoom,
  since: ['r0', 'v3'],
  also: [`${unstable}${ofRoom}`],
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  body: jsonObject,
  handle: async ({ params, who, body }, { accountData }) => {
    await accountData.set(ownUserId(params, who), roomIdOf(params), typeOf(params), body)
    return {}
  },
})

const deleteRoomAccountData = endpoint({
  method: 'DELETE',
  path: `${unstable}${ofRoom}`,
  auth: 'user',
  limit: 'write',
  whileSuspended: true,
  handle: async ({ params, who }, { accountData }) => {
    await accountData.delete(ownUserId(params, who), roomIdOf(params), typeOf(params))
    return {}
  },
})

export const accountDataEndpoints = [
  getAccountData,
  setAccountData,
  deleteAccountData,
  getRoomAccountData,
  setRoomAccountData,
  deleteRoomAccountData,
]
