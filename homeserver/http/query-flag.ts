import { z } from 'zod'

/** Yes or no in a query. */
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')
