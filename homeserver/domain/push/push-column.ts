/**
 * Whom an event notifies, in the form stored with the event: two sets of users, each by its members or, where that is
 * shorter, by those of the room who are not in it. A room of a thousand takes no more space than one of three.
 */
import type { UserId } from '../../core/ids.ts'

/** A list of users, or all but some. */
type UserSet = readonly UserId[] | { readonly not: readonly UserId[] }

export interface Notified {
  /** Those for whom the event counts as a notification. */
  readonly n?: UserSet
  /** Those for whom it is a highlight. */
  readonly h?: UserSet
}

/** Of an event that notifies nobody and still matters for counts: its sender has read what was before it. */
export const notifiesNobody = '{}'

/** Null if nobody is notified. `asked` are all users for whom rules were run. */
export function encodeNotified(
  asked: readonly UserId[],
  notified: readonly UserId[],
  highlighted: readonly UserId[],
): string | null {
  if (notified.length === 0) return null
  const n = shorter(asked, notified)
  return JSON.stringify(highlighted.length === 0 ? { n } : { n, h: shorter(asked, highlighted) })
}

/** Reads what `encodeNotified` wrote. */
export function decodeNotified(text: string): Notified {
  return JSON.parse(text) as Notified
}

/** To be asked of those who were in the room or were invited by the event. The sender of an event is in neither set. */
export function isIn(set: UserSet | undefined, userId: UserId): boolean {
  if (set === undefined) return false
  return 'not' in set ? !set.not.includes(userId) : set.includes(userId)
}

function shorter(asked: readonly UserId[], chosen: readonly UserId[]): UserSet {
  if (chosen.length * 2 <= asked.length) return chosen
  const inSet = new Set(chosen)
  return { not: asked.filter((userId) => !inSet.has(userId)) }
}
