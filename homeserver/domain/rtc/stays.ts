/**
 * When somebody was in a call, from what is known of it. Our SFU knows best of users of this server, who send through it; of
 * others, who may send elsewhere, what they say in the room counts as well.
 */
import type { UserId } from '../../core/ids.ts'
import type { StayRow } from '../../storage/call-history.ts'
import type { ShownMember } from './call-members.ts'

/** How often everything is looked at, whatever was told. */
export const LOOK_EVERY_MS = 30_000
/** Who is back within this was not away, and a call that nobody is in goes on for so long. */
const GRACE_MS = 30_000

export interface Facts {
  readonly now: number
  /** Whether the user is of this server. */
  readonly isLocal: boolean
  /** What the room shows of them, perhaps of the past. */
  readonly shown: Pick<ShownMember, 'since' | 'until'> | undefined
  /** Whether our SFU has them; undefined where it was not asked. */
  readonly isAtSfu: boolean | undefined
  /** The SFU has told that they are gone just now, and in its words why. */
  readonly gone: { readonly reason: string | undefined } | undefined
}

/** The stay as it is now: it goes on, or has ended. */
export function continued(stay: StayRow, facts: Facts): StayRow {
  const { now, isLocal, shown, isAtSfu = stay.at_sfu === 1 } = facts
  const isShown = shown !== undefined && shown.until > now
  if (isAtSfu || (isShown && !(isLocal && stay.seen_ts !== null))) {
    return { ...stay, at_sfu: Number(isAtSfu), seen_ts: facts.isAtSfu === true ? now : stay.seen_ts }
  }
  return { ...stay, at_sfu: 0, left_ts: leftAt(stay, facts), end_reason: facts.gone?.reason ?? null }
}

/** When somebody came who was not there, or undefined: they are not there. `last` is their last stay in this slot. */
export function arrival(last: StayRow | undefined, { now, isLocal, shown, isAtSfu }: Facts): number | undefined {
  const leftTs = last?.left_ts ?? 0
  // What apps said before our SFU lost them says nothing new.
  const isOld = isLocal && typeof last?.seen_ts === 'number' && shown !== undefined && shown.since <= leftTs
  if (shown !== undefined && shown.until > now && !isOld) return Math.max(leftTs, Math.min(now, shown.since))
  return isAtSfu === true ? now : undefined
}

/** A stay that begins, or goes on after a moment. `last` is the last one in the same call. */
export function begun(
  { callId, userId, joinedTs }: { readonly callId: string; readonly userId: UserId; readonly joinedTs: number },
  last: StayRow | undefined,
  { now, isAtSfu = false }: Facts,
): StayRow {
  const seen = { left_ts: null, at_sfu: Number(isAtSfu), end_reason: null }
  if (last && last.left_ts !== null && joinedTs - last.left_ts <= GRACE_MS) {
    return { ...last, ...seen, seen_ts: isAtSfu ? now : last.seen_ts, returns: last.returns + 1 }
  }
  return { call_id: callId, user_id: userId, joined_ts: joinedTs, ...seen, seen_ts: isAtSfu ? now : null, returns: 0 }
}

/** Undefined: somebody is in it, or may come back. */
export function endOf(stays: readonly StayRow[], now: number): number | undefined {
  const last = Math.max(...stays.map(({ left_ts: left }) => left ?? Infinity))
  return last + GRACE_MS <= now ? last : undefined
}

/** Of whom nothing was told, as while this server was down, it is known when they were seen, or until when they were to stay. */
function leftAt({ joined_ts: joined, at_sfu: atSfu, seen_ts: seen }: StayRow, { now, shown, gone }: Facts): number {
  const known = gone ? now : atSfu === 1 && seen !== null ? seen + LOOK_EVERY_MS : (shown?.until ?? now)
  return Math.max(joined, Math.min(known, now))
}
