import { z } from 'zod'

/** The `auth` of a body, for interactive authentication. */
export const authData = z.looseObject({ type: z.string().optional(), session: z.string().optional() }).optional()
