import { z } from 'zod'
import { isUserId, type UserId } from '../../core/ids.ts'

/** A user id in a body. */
export const userId = z.string().pipe(z.custom<UserId>(isUserId, { error: 'not a user id' }))
