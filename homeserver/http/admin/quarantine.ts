/** Files that nobody gets. https://element-hq.github.io/synapse/latest/admin_api/media_admin_api.html#quarantine-media */
import { endpoint } from '../endpoint.ts'

const post = { auth: 'admin', limit: 'admin', method: 'POST' } as const
const media = '/_synapse/admin/v1/media'

const mxcOf = ({ serverName, mediaId }: { readonly serverName: string; readonly mediaId: string }) => ({
  server: serverName,
  mediaId,
})

const quarantine = endpoint({
  ...post,
  path: `${media}/quarantine/:serverName/:mediaId`,
  handle: async ({ params, who }, { mediaAdmin }) => {
    const mxc = mxcOf(params)
    await mediaAdmin.get(mxc)
    await mediaAdmin.quarantine({ mxc }, who.userId)
    return {}
  },
})

const release = endpoint({
  ...post,
  path: `${media}/unquarantine/:serverName/:mediaId`,
  handle: async ({ params }, { mediaAdmin }) => {
    const mxc = mxcOf(params)
    await mediaAdmin.get(mxc)
    await mediaAdmin.quarantine({ mxc }, undefined)
    return {}
  },
})

const quarantineUser = endpoint({
  ...post,
  path: '/_synapse/admin/v1/user/:userId/media/quarantine',
  handle: async ({ params, who }, { mediaAdmin, userAdmin }) => {
    const { user_id: userId } = await userAdmin.get(params.userId)
    return { num_quarantined: await mediaAdmin.quarantine({ userId }, who.userId) }
  },
})

const protect = endpoint({
  ...post,
  path: `${media}/protect/:mediaId`,
  handle: async ({ params }, { mediaAdmin, config }) => {
    await mediaAdmin.protect({ server: config.server_name, mediaId: params.mediaId }, true)
    return {}
  },
})

const unprotect = endpoint({
  ...post,
  path: `${media}/unprotect/:mediaId`,
  handle: async ({ params }, { mediaAdmin, config }) => {
    await mediaAdmin.protect({ server: config.server_name, mediaId: params.mediaId }, false)
    return {}
  },
})

export const adminQuarantineEndpoints = [quarantine, release, quarantineUser, protect, unprotect]
