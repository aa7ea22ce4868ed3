import { z } from 'zod'
import { unrecognized } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'

/** `ts` is taken and not looked at: a page is shown as it was when it was last asked. */
const query = z.looseObject({ url: z.string().min(1) })

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url */
const previewUrl = endpoint({
  method: 'GET',
  path: '/media/preview_url',
  since: ['v1'],
  also: ['v3', 'r0', 'v1'].map((version) => `/_matrix/media/${version}/preview_url`),
  auth: 'user',
  limit: 'media',
  query,
  handle: async ({ query: { url } }, { urlPreviews }) => {
    if (!urlPreviews) throw unrecognized('There are no previews of pages on this server')
    return await urlPreviews.of(url)
  },
})

export const previewUrlEndpoints = [previewUrl]
