import { z } from 'zod'

/** The `auth` of a body, for interactive authentication. Without a session apps made with ruma, such as Element X, send `null`. */
const session = z
  .string()
  .nullish()
  .transform((id) => id ?? undefined)

export const authData = z.looseObject({ type: z.string().optional(), session }).optional()
