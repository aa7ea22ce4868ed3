/**
 * What the homeserver asks of the Telegram bridge for its users: the bodies of
 * `POST /_matrix/app/unstable/org.domovoi.telegram/…`, and the answers. The bridge decides who may do what.
 */
import { z } from 'zod'

const asked = {
  /** Who asks. */
  user_id: z.string().max(255),
  /** In which refusals are told. */
  language: z.string().max(35).optional(),
}
const roomId = z.string().regex(/^![\x21-\x7E]{1,254}$/, 'must be a room id')

/** What `GET …/chats` and `GET …/portals` ask. */
export const askedBody = z.looseObject(asked)
/** Without a room, one is made. `force`: though another bridge is in the room. `is_invited`: the bot, for this. */
export const joinBody = z.looseObject({
  ...asked,
  chat_id: z.string().regex(/^-[1-9]\d{0,15}$/, 'must be the id of a group or channel'),
  room_id: roomId.optional(),
  force: z.boolean().default(false),
  is_invited: z.boolean().default(false),
})
export const portalBody = z.looseObject({ ...asked, room_id: roomId })
export const portalStateBody = portalBody.extend({ state: z.enum(['active', 'paused']) })
export const auditBody = z.looseObject({ ...asked, limit: z.int().min(1).max(1000).default(100) })

/** Why something is not bridged, or not changed; the bridge has a sentence for each. */
export type BridgeRefusal =
  /** `telegram.permissions` let them be relayed, and no more. */
  | 'relay_only'
  /** In Matrix, they may not change power levels there. */
  | 'no_power'
  /** In Telegram, they are no administrators who may change the group's info. */
  | 'no_chat_admin'
  /** For admins of the bridge. */
  | 'no_admin'
  | 'encrypted'
  | 'other_bridge'
  /** People of other servers can enter the room, and that is not wished. */
  | 'federated'
  | 'room_bridged'
  | 'chat_bridged'
  | 'too_many'
  | 'too_large'
  /** Where the bot is not, it can bridge nothing. */
  | 'no_chat'
  /** Nor where nobody lets it in. */
  | 'no_room'
  | 'not_bridged'

/** A chat in which the bot is. */
export interface TelegramChat {
  readonly chat_id: string
  /** `group`, `supergroup` or `channel`. */
  readonly type: string
  readonly title: string
  readonly is_forum: boolean
  /** As far as Telegram told. */
  readonly members?: number
  readonly bot: { readonly status: string; readonly rights: readonly string[] }
  readonly seen_ts: number
  /** Missing where it is not bridged. */
  readonly portal?: { readonly room_id: string; readonly state: string }
}

export interface ChatsAnswer {
  /** The bot's name in Telegram, without @. */
  readonly bot: string
  readonly role: 'relay' | 'user' | 'admin'
  /** Who asks, in Telegram; missing where they are not linked. */
  readonly tg_user?: string
  readonly chats: readonly TelegramChat[]
}

interface TelegramPortal {
  readonly room_id: string
  readonly chat_id: string
  /** 0 but for topics of a forum. */
  readonly thread_id: number
  readonly type: string
  readonly title: string
  readonly state: string
  readonly bridged_by: string
  /** Events on their way to Telegram, and those that were given up. */
  readonly waiting: number
  readonly dead: number
}

export interface PortalsAnswer {
  readonly portals: readonly TelegramPortal[]
}

export interface JoinAnswer {
  readonly room_id: string
  /** The bot hears only what is said to it there: privacy mode, and it is no administrator. */
  readonly is_deaf: boolean
}

export interface AuditAnswer {
  readonly acts: readonly {
    readonly ts: number
    readonly actor: string
    readonly act: string
    readonly chat_id: string
    readonly room_id: string
  }[]
}
