/** Every endpoint there is, by file. A path missing here is answered with M_UNRECOGNIZED. */
import { mediaEndpoints } from './client/media.ts'
import { versions } from './client/versions.ts'
import type { Endpoint } from './endpoint.ts'

export const endpoints: readonly Endpoint[] = [versions, ...mediaEndpoints]
