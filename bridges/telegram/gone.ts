/** Messages that Telegram has no more: their events go too. */
import type { Matrix } from './matrix.ts'
import type { Database } from '../appservice/database.ts'
import { type MessageRow, partsOfMessage, removeMessage } from './store/messages.ts'

/** `redacted` is an event of it that has gone already. */
export async function takeAway(
  { matrix, database }: { readonly matrix: Matrix; readonly database: Database },
  message: MessageRow,
  redacted?: string,
): Promise<void> {
  for (const { sender, room_id: roomId, event_id: eventId } of await partsOfMessage(
    database,
    message.chat_id,
    message.message_id,
  )) {
    if (eventId !== redacted) await matrix.redact(sender, roomId, eventId, `tg.gone.${eventId.slice(1)}`)
  }
  await database.transaction('telegram gone', (tx) => removeMessage(tx, message))
}
