/** Parts of queries that go through lists as Synapse's administration API does: by an offset. */
import { z } from 'zod'

export const count = z
  .string()
  .regex(/^\d{1,9}$/, 'is not a number')
  .transform(Number)

export const from = count.default(0)
export const limit = count.transform((wanted) => Math.min(wanted, 1000)).default(100)
export const time = z
  .string()
  .regex(/^\d{1,15}$/, 'is not a time in milliseconds')
  .transform(Number)
export const direction = z.enum(['f', 'b']).default('f')

/** Where the next page begins, if there is one. */
export function nextToken(
  query: { from: number; limit: number },
  found: number,
  total: number,
): { next_token?: string } {
  const next = query.from + found
  return found > 0 && next < total ? { next_token: String(next) } : {}
}
