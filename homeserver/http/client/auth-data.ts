import { z } from 'zod'
import type { AuthData } from '../../domain/accounts/uia.ts'

/** The `auth` of a body, for interactive authentication. */
export const authData: z.ZodType<AuthData | undefined> = z
  .looseObject({ type: z.string().optional(), session: z.string().optional() })
  .optional()
