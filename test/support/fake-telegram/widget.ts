/** Telegram's login widget: who has pressed it comes back with this. */
import { createHash, createHmac } from 'node:crypto'
import type { User } from 'node-telegram-bot-api'

/** `how` is how a key is made of the token: Mini Apps make another. */
export function widgetAnswer(
  { id, first_name, last_name, username }: User,
  { token, at, how = 'widget' }: { token: string; at: number; how?: 'widget' | 'mini app' },
): URLSearchParams {
  const said = { auth_date: String(Math.floor(at / 1000)), first_name, id: String(id), last_name, username }
  const there = Object.entries(said).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const text = there.map(([key, value]) => `${key}=${value}`).join('\n')
  const key =
    how === 'widget'
      ? createHash('sha256').update(token).digest()
      : createHmac('sha256', 'WebAppData').update(token).digest()
  return new URLSearchParams([...there, ['hash', createHmac('sha256', key).update(text).digest('hex')]])
}
