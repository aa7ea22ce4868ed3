/** A joined or left room as it stands in the answer. */
import { eventList, type StateAfterKey } from '../span.ts'

export interface RoomParts {
  readonly timeline: string
  /** Texts of events. */
  readonly state: readonly string[]
  readonly stateAfter: StateAfterKey | undefined
  readonly accountData?: readonly string[] | undefined
  readonly ephemeral?: readonly string[] | undefined
  readonly sticky?: readonly string[] | undefined
  readonly summary?: string | undefined
  /** Members with the counts. */
  readonly unread?: string | undefined
}

export function roomText(parts: RoomParts): string {
  const { timeline, state, stateAfter, accountData, ephemeral, sticky = [], summary, unread } = parts
  let text = `{"timeline":${timeline},"${stateAfter ?? 'state'}":${eventList(state)}`
  if (accountData) text += `,"account_data":${eventList(accountData)}`
  if (ephemeral) text += `,"ephemeral":${eventList(ephemeral)}`
  if (sticky.length > 0) text += `,"msc4354_sticky":${eventList(sticky)}`
  if (summary !== undefined) text += `,"summary":${summary}`
  if (unread !== undefined) text += `,${unread}`
  return `${text}}`
}
