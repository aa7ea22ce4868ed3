/** Who types, who has read and who is online, for application services. https://spec.matrix.org/v1.19/application-service-api/#pushing-ephemeral-data */
import type { RoomId } from '../../core/ids.ts'
import { listPresenceInRange, listReceiptsInRange, type StreamRange } from '../../storage/appservices.ts'
import type { Database } from '../../storage/database.ts'
import { type Appservice, mayActAs } from '../accounts/appservices.ts'
import type { Presence } from '../ephemeral/presence.ts'
import type { Typing } from '../ephemeral/typing.ts'
import { isWellNamed, receiptContent } from '../sync/sections/ephemeral.ts'
import type { Interest } from './interest.ts'

export interface EphemeralParts {
  readonly database: Database
  readonly interest: Interest
  readonly typing: Pick<Typing, 'typersSince'>
  readonly presence: Pick<Presence, 'contentOf'>
}

/** Texts that a transaction takes from a stream, and how far that goes. */
export interface Taken {
  readonly texts: readonly string[]
  readonly end: number
}

/** Memberships are looked at as they are before the place `at` of the events stream. */
export async function takeReceipts(
  { database, interest }: EphemeralParts,
  appservice: Appservice,
  range: StreamRange,
  at: number,
): Promise<Taken> {
  const rows = await readRange(range, () => listReceiptsInRange(database, range))
  const texts: string[] = []
  for (const [roomId, ofRoom] of Map.groupBy(rows, ({ room_id }) => room_id)) {
    // Private receipts are their user's own.
    const shown = ofRoom.filter(
      (row) => isWellNamed(row) && (row.receipt_type === 'm.read' || mayActAs(appservice, row.user_id)),
    )
    if (shown.length === 0 || !(await interest.inRoom(appservice, roomId, at))) continue
    texts.push(`{"content":${receiptContent(shown)},"room_id":${JSON.stringify(roomId)},"type":"m.receipt"}`)
  }
  return { texts, end: endOf(rows, range) }
}

export async function takePresence(
  { database, interest, presence }: EphemeralParts,
  appservice: Appservice,
  range: StreamRange,
  at: number,
): Promise<Taken> {
  const rows = await readRange(range, () => listPresenceInRange(database, range))
  const texts: string[] = []
  for (const row of rows) {
    if (!(await interest.inUser(appservice, row.user_id, at))) continue
    const content = JSON.stringify(presence.contentOf(row))
    texts.push(`{"content":${content},"sender":${JSON.stringify(row.user_id)},"type":"m.presence"}`)
  }
  return { texts, end: endOf(rows, range) }
}

/** Who types in the rooms now. */
export async function typingTexts(
  { interest, typing }: EphemeralParts,
  appservice: Appservice,
  roomIds: Iterable<RoomId>,
  at: number,
): Promise<string[]> {
  const texts: string[] = []
  for (const roomId of roomIds) {
    if (!(await interest.inRoom(appservice, roomId, at))) continue
    const content = JSON.stringify({ user_ids: typing.typersSince(roomId, 0) ?? [] })
    texts.push(`{"content":${content},"room_id":${JSON.stringify(roomId)},"type":"m.typing"}`)
  }
  return texts
}

/** Of an empty piece nothing need be read. */
export async function readRange<Row>({ after, upto }: StreamRange, read: () => Promise<Row[]>): Promise<Row[]> {
  return after < upto ? await read() : []
}

/** How far rows that were read go: to the end of the piece, unless there may be more in it. */
export function endOf(rows: readonly { readonly stream_id: number }[], { upto, limit }: StreamRange): number {
  return rows.length < limit ? upto : (rows.at(-1)?.stream_id ?? upto)
}
