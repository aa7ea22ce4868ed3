/** For how long this server keeps messages. https://github.com/matrix-org/matrix-spec-proposals/pull/1763 */
import type { Config } from '../../config/schema.ts'
import { MatrixError } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'

const configuration = endpoint({
  method: 'GET',
  path: '/_matrix/client/unstable/org.matrix.msc1763/retention/configuration',
  auth: 'user',
  limit: 'read',
  handle: (_, { config }) => {
    const { retention } = config.rooms
    // Clients delete on their own what the server says that it does not keep.
    if (!keepsForATime(config)) throw new MatrixError(404, 'M_UNRECOGNIZED', 'Messages are kept for ever here')
    return {
      policies: retention.default === undefined ? {} : { '*': { max_lifetime: retention.default } },
      limits: { max_lifetime: { min: retention.min, ...(retention.max === undefined ? {} : { max: retention.max }) } },
    }
  },
})

export const keepsForATime = ({ rooms }: Config): boolean => rooms.retention.mode === 'on'

export const retentionEndpoints = [configuration]
