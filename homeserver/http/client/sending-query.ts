import { z } from 'zod'

const milliseconds = z
  .string()
  .regex(/^\d{1,15}$/, { error: 'a whole number of milliseconds expected' })
  .transform(Number)
  .optional()

/** When an event is to be sent, and for how long it is to be told to those who come. */
export const sendingQuery = z
  .object({
    'org.matrix.msc4140.delay': milliseconds,
    'org.matrix.msc4354.sticky_duration_ms': milliseconds,
    sticky_duration_ms: milliseconds,
  })
  .transform((query) => ({
    delay: query['org.matrix.msc4140.delay'],
    stickyDuration: query['org.matrix.msc4354.sticky_duration_ms'] ?? query.sticky_duration_ms,
  }))
