/** Ours: what administrators have done, the newest first. */
import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { limit, time } from './queries.ts'

const list = endpoint({
  method: 'GET',
  path: '/_domovoi/admin/v1/audit_log',
  auth: 'admin',
  limit: 'admin',
  query: z.object({ before: time.optional(), limit }),
  handle: async ({ query: { before, limit: most } }, { auditLog }) => ({
    entries: await auditLog.list({ before, limit: most }),
  }),
})

export const auditLogEndpoints = [list]
