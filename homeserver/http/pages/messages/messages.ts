import type { IncomingMessage } from 'node:http'
import { MatrixError } from '../../../core/errors.ts'
import { en } from './en.ts'
import { ru } from './ru.ts'

/** The same keys as in English, each a text or a function that gives one. */
export type Messages = {
  readonly [Key in keyof typeof en]: (typeof en)[Key] extends string ? string : (typeof en)[Key]
}

const catalogues: Readonly<Record<string, Messages>> = { en, ru }

/** In the first language of the browser that there is a catalogue for. */
export function messagesFor(request: IncomingMessage): Messages {
  const wanted = (request.headers['accept-language'] ?? '').toLowerCase().split(',')
  for (const tag of wanted) {
    const language = tag.trim().slice(0, 2)
    if (Object.hasOwn(catalogues, language)) return catalogues[language] ?? en
  }
  return en
}

type TextKey = { [Key in keyof Messages]: Messages[Key] extends string ? Key : never }[keyof Messages]

const refusals: Readonly<Record<string, TextKey>> = {
  M_EXCLUSIVE: 'reservedUsername',
  M_FORBIDDEN: 'wrongPassword',
  M_INVALID_USERNAME: 'badUsername',
  M_LIMIT_EXCEEDED: 'tooManyTries',
  M_NOT_FOUND: 'notFound',
  M_OLD_FORM: 'oldForm',
  M_PASSKEY_FAILED: 'passkeyFailed',
  M_SSO_FAILED: 'ssoFailed',
  M_UNAUTHORIZED: 'badInvite',
  M_UNKNOWN: 'fault',
  M_USER_DEACTIVATED: 'accountDeactivated',
  M_USER_IN_USE: 'userInUse',
  M_USER_LOCKED: 'accountLocked',
}

/** What a person reads of a refusal; one without words here says its own. Throws on what is none. */
export function refusalText(messages: Messages, error: unknown): string {
  if (!(error instanceof MatrixError)) throw error
  return textOf(messages, error.errcode) ?? error.message
}

export function textOf(messages: Messages, errcode: string): string | undefined {
  const key = Object.hasOwn(refusals, errcode) ? refusals[errcode] : undefined
  return key && messages[key]
}
