/**
 * What the Telegram bot and the homeserver say to each other about logging in: the bodies of
 * `POST /_internal/telegram/…`, as docs/telegram-login.md tells. The homeserver decides, the bot shows.
 */
import { z } from 'zod'

/** A Telegram user id: digits alone. Names and telephone numbers change hands, ids do not. */
const telegramUser = z.string().regex(/^[1-9]\d{0,15}$/, 'must be a Telegram user id as text')
const codeId = z.string().min(1).max(100)
const nonce = z.string().regex(/^[\w-]{43}$/, 'must be the part after the letter of the start parameter')

/** Who writes to the bot, as Telegram says. */
const telegramPerson = z.looseObject({
  id: telegramUser,
  first_name: z.string().max(256),
  last_name: z.string().max(256).nullish(),
  username: z.string().max(64).nullish(),
  /** An IETF tag such as `ru`. */
  language: z.string().max(35).nullish(),
})

/** The bot that is at work; told at each of its starts, before anything else. */
export const botBody = z.looseObject({ id: telegramUser, username: z.string().regex(/^\w{3,64}$/) })
/** `/login`, or with a nonce `/start L<nonce>`. */
export const loginStartBody = z.looseObject({ person: telegramPerson, nonce: nonce.nullish() })
/** The picture that somebody has tapped. */
export const loginMatchBody = z.looseObject({ tg_user: telegramUser, choice: z.string().max(16) })
/** An answer to the question of the event `confirm`, or "not me" below a code. */
export const loginDecisionBody = z.looseObject({ tg_user: telegramUser, code_id: codeId })
export const accountBody = z.union([
  z.looseObject({ tg_user: telegramUser }),
  z.looseObject({ user_id: z.string().max(255) }),
])
/** Name and picture as they are now: shown in Matrix unless the user has chosen others there. */
export const profileBody = z.looseObject({ person: telegramPerson, avatar_url: z.string().max(1000).nullish() })
export const settingsBody = z.looseObject({ tg_user: telegramUser, login_enabled: z.boolean() })
/** A Matrix user who has asked the bot's Matrix side for a link. */
export const linkStartBody = z.looseObject({ user_id: z.string().max(255) })
/** `/start K<nonce>`. */
export const linkOpenBody = z.looseObject({ person: telegramPerson, nonce })
export const linkConfirmBody = z.looseObject({ tg_user: telegramUser, nonce })
/** A file that is too large for Telegram, of which its people get the address. */
export const mediaLinkBody = z.looseObject({ mxc: z.string().max(512) })
export const telegramUserBody = z.looseObject({ tg_user: telegramUser })
/** Without a device: all of them, and the browsers. */
export const endSessionsBody = z.looseObject({ tg_user: telegramUser, device_id: z.string().max(255).nullish() })
/** Waits for events after this one, and lets go of those up to it. */
export const eventsBody = z.looseObject({
  after: z.int().min(0),
  timeout_ms: z.int().min(0).max(60_000).default(30_000),
})

export type TelegramPerson = z.output<typeof telegramPerson>

/** The browser that somebody wants to log in with. Undefined is what it does not tell. */
export interface BrowserLabel {
  /** Such as `Firefox`. */
  readonly browser: string | undefined
  /** Such as `Linux`. */
  readonly system: string | undefined
}

/** Why there is no code; each has a sentence in the bot. */
export type LoginRefusal =
  /** The server does not offer this way to log in. */
  | 'off'
  /** Nobody has the login page open: the bot shows its address. */
  | 'no_page'
  /** The link was opened too late, twice, or by two people. */
  | 'bad_link'
  /** A picture that no login page shows. */
  | 'bad_choice'
  /** So many login pages are open that a picture names none of them: the button on the page does. */
  | 'busy'
  /** Too many codes or tries; `retry_after_ms` says how long. */
  | 'too_many'
  /** There is no account, and none is made for strangers. */
  | 'no_account'
  /** The account cannot be used, or its owner has switched this way off. */
  | 'not_allowed'

export interface BotAnswer {
  readonly server_name: string
  /** The login page, and that on which people choose which of their chats are rooms. */
  readonly url: string
  readonly chats_url: string
  readonly mode: string
}

export interface CodeAnswer {
  readonly kind: 'code'
  /** Six digits. */
  readonly code: string
  /** For `login/deny` and `login/confirm`, and in events. */
  readonly code_id: string
  readonly expires_in_ms: number
  /** What shows the login page; undefined where any browser may take the code. */
  readonly device: BrowserLabel | undefined
}

export type LoginAnswer =
  | CodeAnswer
  /** The bot asks which of these pictures the login page shows. */
  | { readonly kind: 'match'; readonly choices: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: LoginRefusal; readonly retry_after_ms?: number; readonly url?: string }

export type LinkRefusal = 'bad_link' | 'taken' | 'not_allowed' | 'not_linked' | 'only_way'
export type LinkAnswer =
  /** The bot asks whether to link to this Matrix user. */
  | { readonly kind: 'ask'; readonly user_id: string }
  | { readonly kind: 'linked' | 'unlinked'; readonly user_id: string }
  /** `taken`: Telegram or Matrix user has a link already. `only_way`: the account would have no way to log in left. */
  | { readonly kind: 'refused'; readonly reason: LinkRefusal }

export interface MediaLinkAnswer {
  readonly url: string
  readonly expires_ts: number
}

export interface AccountAnswer {
  /** Both are missing where there is no link. */
  readonly user_id?: string
  readonly tg_user?: string
  readonly login_enabled: boolean
}

export type TelegramEvent = { readonly id: number; readonly tg_user: string } & (
  | /** The code is used, revoked or expired: its message can go. */ {
      readonly type: 'code_over'
      readonly code_id: string
    }
    /** Open mode: somebody has typed the code. Yes is `login/confirm`, no is `login/deny`. */
  | { readonly type: 'confirm'; readonly code_id: string; readonly device: BrowserLabel }
  /** The message with the buttons to sign out. `is_new`: the account has just been made, and wants a picture (`profile`). */
  | { readonly type: 'signed_in'; readonly user_id: string; readonly device: BrowserLabel; readonly is_new: boolean }
  | { readonly type: 'linked' | 'unlinked'; readonly user_id: string }
)
