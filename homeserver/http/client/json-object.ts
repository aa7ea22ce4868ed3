import { z } from 'zod'
import type { Json } from '../../core/event.ts'

/** Any JSON object, not looked into: the body came out of the JSON parser. */
export const jsonObject = z.record(z.string(), z.custom<Json>())
