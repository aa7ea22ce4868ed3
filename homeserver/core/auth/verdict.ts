/**
 * What the authorisation rules look at and what they answer.
 */
import { stateKeyOf, type IdentifiedPdu, type StateKey } from '../event.ts'

/** `rule` is the room version and number of the rule that refuses, as in `v12/5.3.3`; `reason` is a sentence for people. */
export type Verdict =
  { readonly allowed: true } | { readonly allowed: false; readonly rule: string; readonly reason: string }

/** The room state an event is checked against. */
export interface AuthState {
  get(type: string, stateKey: string): IdentifiedPdu | undefined
}

export const allow: Verdict = { allowed: true }

export function deny(rule: string, reason: string): Verdict {
  return { allowed: false, rule, reason }
}

/** Lets a plain map serve as the state of a room. */
export function authStateOf(events: ReadonlyMap<StateKey, IdentifiedPdu>): AuthState {
  return { get: (type, stateKey) => events.get(stateKeyOf(type, stateKey)) }
}

/** The membership of a user as it stands in the content, or undefined for a user the room never heard of. */
export function membershipOf(state: AuthState, userId: string): unknown {
  return state.get('m.room.member', userId)?.pdu.content['membership']
}
