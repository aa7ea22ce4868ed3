/** What a client asks of sliding sync. https://github.com/matrix-org/matrix-spec-proposals/pull/4186 */
import type { PresenceState } from '../../../storage/presence.ts'
import type { Requester } from '../../accounts/requester.ts'
import type { StatePattern } from './required-state.ts'

export interface AskedRoom {
  readonly timeline_limit: number
  readonly required_state: readonly StatePattern[]
}

/** Inclusive. */
export type Range = readonly [from: number, to: number]

export interface ListFilters {
  readonly is_dm?: boolean | undefined
  readonly is_encrypted?: boolean | undefined
  readonly is_invite?: boolean | undefined
  readonly spaces?: readonly string[] | undefined
  /** Null stands for rooms without a type. */
  readonly room_types?: readonly (string | null)[] | undefined
  readonly not_room_types?: readonly (string | null)[] | undefined
  readonly room_name_like?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly not_tags?: readonly string[] | undefined
}

export interface AskedList extends AskedRoom {
  /** Without them all rooms are in the window. */
  readonly ranges?: readonly Range[] | undefined
  readonly slow_get_all_rooms?: boolean | undefined
  readonly filters?: ListFilters | undefined
}

interface AskedExtension {
  readonly enabled: boolean
}

/** An extension that is about rooms: those of some lists and subscriptions, `*` for all of them. */
export interface AskedRoomExtension extends AskedExtension {
  readonly lists: readonly string[]
  readonly rooms: readonly string[]
}

export interface AskedExtensions {
  readonly to_device?: (AskedExtension & { readonly since?: number | undefined; readonly limit: number }) | undefined
  readonly e2ee?: AskedExtension | undefined
  readonly account_data?: AskedRoomExtension | undefined
  readonly receipts?: AskedRoomExtension | undefined
  readonly typing?: AskedRoomExtension | undefined
  readonly thread_subscriptions?: (AskedExtension & { readonly limit: number }) | undefined
  readonly sticky_events?:
    (AskedExtension & { readonly since?: number | undefined; readonly limit: number }) | undefined
  readonly profiles?: (AskedRoomExtension & { readonly fields?: readonly string[] | undefined }) | undefined
}

export interface SlidingRequest {
  readonly who: Requester
  readonly connId: string
  /** Of the last answer; undefined for a client that begins. */
  readonly pos: string | undefined
  /** Comes back in the answer. */
  readonly txnId: string | undefined
  readonly lists: Readonly<Record<string, AskedList>>
  readonly subscriptions: Readonly<Record<string, AskedRoom>>
  readonly extensions: AskedExtensions
  readonly timeoutMs: number
  readonly setPresence: PresenceState
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
}
