/** Calls that were, a page of them at a time. */
import { z } from 'zod'
import type { CallPage, CallPlace } from '../domain/rtc/call-history.ts'

/** Where an earlier page ended, as it says in `next_batch`. */
export const callPlace = z
  .string()
  .regex(/^\d{1,15}_[\w-]{1,64}$/, 'is no token of this server')
  .transform((text): CallPlace => {
    const at = text.indexOf('_')
    return { startedTs: Number(text.slice(0, at)), callId: text.slice(at + 1) }
  })
  .optional()

export function callPage({ calls, next }: CallPage): object {
  return {
    calls: calls.map(({ call_id, room_id, slot_id, started_ts, ended_ts, stays }) => ({
      call_id,
      room_id,
      slot_id,
      started_ts,
      ended_ts,
      participants: stays.map(({ user_id, joined_ts, left_ts, returns, end_reason }) => ({
        user_id,
        joined_ts,
        left_ts,
        returns,
        end_reason,
      })),
    })),
    ...(next ? { next_batch: `${next.startedTs}_${next.callId}` } : {}),
  }
}
