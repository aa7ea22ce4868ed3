/** Files by a link that a bridge has given to people without an account: docs/telegram.md. */
import { fileNameOf } from '../../domain/media/file-name.ts'
import { endpoint } from '../endpoint.ts'
import { mediaAnswer } from './media-answer.ts'

const REMOTE_MS = 20_000

export const linkedMedia = endpoint({
  method: 'GET',
  path: '/_domovoi/media/:token',
  auth: 'none',
  limit: 'media',
  handle: async ({ params, signal, request }, { media, mediaLinks, mediaReader }) => {
    const mxc = await mediaLinks.open(params.token)
    const content = await media.find(mxc, { timeoutMs: REMOTE_MS, allowRemote: true, signal })
    return await mediaAnswer(request, content, mediaReader, fileNameOf(content.fileName))
  },
})
