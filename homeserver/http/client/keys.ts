import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { parseSyncToken, type SyncToken } from '../../core/token.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { authData } from './auth-data.ts'
import { jsonObject } from './json-object.ts'
import { deviceOf } from './session-device.ts'

const keyObjects = z.record(z.string(), z.custom<Json>()).optional()

/** Bodies as large as Synapse takes them. */
const maxBody = 8 * 1024 * 1024

/** How long each other server may take, in milliseconds. */
const timeout = z
  .number()
  .nonnegative()
  .default(10_000)
  .transform((ms) => Math.min(ms, 60_000))

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload */
const upload = endpoint({
  method: 'POST',
  path: '/keys/upload',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'keys',
  whileSuspended: true,
  body: z.object({ device_keys: jsonObject.optional(), one_time_keys: keyObjects, fallback_keys: keyObjects }),
  handle: async ({ who, body }, { deviceKeys }) => ({
    one_time_key_counts: await deviceKeys.upload(who.userId, deviceOf(who), body),
  }),
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery */
const query = endpoint({
  method: 'POST',
  path: '/keys/query',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'keys',
  whileSuspended: true,
  maxBody,
  body: z.object({ device_keys: z.record(z.string(), z.array(z.string())), timeout }),
  handle: async ({ who, body }, { keyDirectory }) =>
    new JsonText(await keyDirectory.query(who.userId, body.device_keys, body.timeout)),
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim */
const claim = endpoint({
  method: 'POST',
  path: '/keys/claim',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'keys',
  whileSuspended: true,
  maxBody,
  body: z.object({ one_time_keys: z.record(z.string(), z.record(z.string(), z.string())), timeout }),
  handle: async ({ body }, { keyDirectory }) =>
    new JsonText(await keyDirectory.claim(body.one_time_keys, body.timeout)),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges */
const changes = endpoint({
  method: 'GET',
  path: '/keys/changes',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'keys',
  query: z.object({ from: z.string(), to: z.string() }),
  handle: ({ who, query: { from, to } }, { deviceLists }) =>
    deviceLists.changes(who.userId, tokenOf('from', from), tokenOf('to', to)),
})

function tokenOf(name: string, text: string): SyncToken {
  const token = parseSyncToken(text)
  if (!token) throw invalidParam(`'${name}' is no token of a sync`)
  return token
}

const crossSigningUpload = z.object({
  master_key: jsonObject.optional(),
  self_signing_key: jsonObject.optional(),
  user_signing_key: jsonObject.optional(),
  auth: authData,
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload */
const uploadCrossSigning = endpoint({
  method: 'POST',
  path: '/keys/device_signing/upload',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'keys',
  whileSuspended: true,
  body: crossSigningUpload,
  handle: async (call, { crossSigning, crossSigningResets, uia }) => {
    const { who, body } = call
    const isProven = await crossSigning.needsProof(who.userId, body)
    const isByPage = isProven && who.clientId !== undefined
    if (isByPage) await crossSigningResets.require(who.userId)
    else if (isProven) await uia.require(call)
    await crossSigning.upload(who.userId, body, { isProven })
    if (isByPage) await crossSigningResets.useUp(who.userId)
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload */
const uploadSignatures = endpoint({
  method: 'POST',
  path: '/keys/signatures/upload',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'keys',
  whileSuspended: true,
  body: z.record(z.string(), z.record(z.string(), jsonObject)),
  handle: async ({ who, body }, { keySignatures }) => ({ failures: await keySignatures.upload(who.userId, body) }),
})

export const keysEndpoints = [upload, query, claim, changes, uploadCrossSigning, uploadSignatures]
