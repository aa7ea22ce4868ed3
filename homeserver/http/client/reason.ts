import { z } from 'zod'
import { userId } from './body-ids.ts'

/** Why somebody does something to a membership, theirs or another's. It is the whole of what the event adds. */
export const reason = z.object({ reason: z.string().optional() })

export const targetAndReason = reason.extend({ user_id: userId })
