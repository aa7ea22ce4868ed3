/** A joined room as it stands in the answer. https://github.com/matrix-org/matrix-spec-proposals/pull/4186 */
import { formatPaginationToken } from '../../../core/token.ts'
import type { Hero } from '../../../storage/sync.ts'
import type { Portrait } from '../sections/summary.ts'
import type { Timeline } from '../sections/timeline.ts'
import type { Counts } from '../sections/unread.ts'
import { commaSeparated } from '../span.ts'

export interface RoomTextParts {
  readonly initial: boolean
  /** The timeline begins before what the client had. */
  readonly expanded: boolean
  readonly bumpStamp: number
  readonly isDirect: boolean
  readonly timeline: Timeline
  readonly timelineTexts: readonly string[]
  readonly stateTexts: readonly string[]
  readonly gone: readonly (readonly [type: string, stateKey: string])[]
  /** Undefined where it has not changed. */
  readonly portrait: Portrait | undefined
  /** Undefined: there is nothing unread. */
  readonly counts: Counts | undefined
  /** Events after this place in the stream have just happened. */
  readonly liveAfter: number
}

export function roomText(parts: RoomTextParts): string {
  const { initial, timeline, timelineTexts, portrait, counts } = parts
  const stubs = parts.gone.map(([type, state_key]) => JSON.stringify({ type, state_key }))
  const state = [...parts.stateTexts, ...stubs]
  let text = `{"bump_stamp":${parts.bumpStamp},"notification_count":${counts?.notifications ?? 0},"highlight_count":${counts?.highlights ?? 0}`
  if (initial) text += ',"initial":true'
  if (parts.isDirect) text += ',"is_dm":true'
  if (portrait) text += portraitText(portrait, { initial })
  if (state.length > 0) text += `,"required_state":[${commaSeparated(state)}]`
  if (timelineTexts.length > 0 || timeline.limited || initial) {
    const live = timeline.events.filter(({ row }) => (row.stream_id ?? 0) > parts.liveAfter).length
    text += `,"timeline":[${commaSeparated(timelineTexts)}],"limited":${timeline.limited},"num_live":${live}`
    text += `,"prev_batch":"${formatPaginationToken({ stream: timeline.start })}"`
    if (parts.expanded) text += ',"unstable_expanded_timeline":true'
  }
  return `${text}}`
}

function portraitText(
  { name, avatarUrl, joined, invited, heroes }: Portrait,
  { initial }: { initial: boolean },
): string {
  let text = `,"joined_count":${joined},"invited_count":${invited}`
  if (name !== undefined) text += `,"name":${JSON.stringify(name)}`
  // Null takes away an avatar that the client may have.
  if (avatarUrl !== undefined || !initial) text += `,"avatar":${JSON.stringify(avatarUrl ?? null)}`
  if (heroes && heroes.length > 0) text += `,"heroes":[${heroes.map(heroText).join(',')}]`
  return text
}

function heroText({ user_id, display_name, avatar_url }: Hero): string {
  return JSON.stringify({ user_id, displayname: display_name ?? undefined, avatar_url: avatar_url ?? undefined })
}
