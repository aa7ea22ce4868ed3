/** Who sits at the machine, or in its network. */
import { addressCheck, privateRanges } from '../platform/address.ts'

export const isPublic = addressCheck({ deny: privateRanges, allow: [] })
