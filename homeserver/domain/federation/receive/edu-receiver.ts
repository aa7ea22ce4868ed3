/** What passes by between servers and is not kept in rooms: typing, receipts, presence, messages to devices, device lists. */
import type { JsonObject } from '../../../core/event.ts'
import type { ServerName } from '../../../core/ids.ts'

export interface Edu {
  readonly type: string
  readonly content: JsonObject
}

export interface EduReceiver {
  /** Acts on an EDU of another server; what it may not say or we do not know is passed over. Resolves when it is kept. */
  receive(origin: ServerName, edu: Edu): Promise<void>
}
