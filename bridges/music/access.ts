/** Who tells the bot what to play: those who may join the call of the room themselves. */
import { findState, maySetState, type StateEvent } from '../appservice/powers.ts'
import { memberType } from './call.ts'

export const isEncrypted = (state: readonly StateEvent[]): boolean =>
  findState(state, 'm.room.encryption') !== undefined

export const mayJoinCall = (userId: string, state: readonly StateEvent[]): boolean =>
  findState(state, 'm.room.member', userId)?.content['membership'] === 'join' && maySetState(state, userId, memberType)
