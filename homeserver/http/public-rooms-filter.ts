/** What a list of public rooms is asked for, by clients and by servers. */
import { z } from 'zod'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms_request_public-room-filter */
export const publicRoomsFilter = z
  .object({
    generic_search_term: z.string().max(1_000).nullish(),
    room_types: z.array(z.string().nullable()).nullish(),
  })
  .optional()
  .transform((filter) => ({
    term: filter?.generic_search_term || undefined,
    types: filter?.room_types ?? undefined,
  }))
