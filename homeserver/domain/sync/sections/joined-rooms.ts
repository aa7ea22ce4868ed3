/** `rooms.join`: the joined rooms with all that belongs to them, some at a time. */
import type { RoomId } from '../../../core/ids.ts'
import type { RoomLists } from '../room-lists.ts'
import type { Span } from '../span.ts'
import type { AccountDataSection } from './account-data.ts'
import type { EphemeralSection } from './ephemeral.ts'
import type { JoinedSection, RoomExtras } from './joined.ts'

type RoomNews = Pick<RoomExtras, 'accountData' | 'sticky'>

/** Rooms that are read at once. */
const ROOMS_AT_ONCE = 100

export class JoinedRooms {
  readonly #joined: JoinedSection
  readonly #accountData: AccountDataSection
  readonly #ephemeral: EphemeralSection

  constructor(parts: { joined: JoinedSection; accountData: AccountDataSection; ephemeral: EphemeralSection }) {
    this.#joined = parts.joined
    this.#accountData = parts.accountData
    this.#ephemeral = parts.ephemeral
  }

  /** Members of `rooms.join`, all of them. */
  async all(span: Span, lists: RoomLists, extras: RoomNews): Promise<readonly string[]> {
    if (lists.known.length === 0 && lists.fresh.length === 0) return []
    const texts: string[] = []
    for await (const some of this.some(span, lists, extras)) texts.push(...some)
    return texts
  }

  /** As `all`, some at a time, so that the answer need not be in memory as a whole. */
  async *some(
    span: Span,
    { known, fresh }: RoomLists,
    { accountData, sticky }: RoomNews,
  ): AsyncGenerator<readonly string[]> {
    for (let from = 0; from < known.length; from += ROOMS_AT_ONCE) {
      const chunk = known.slice(from, from + ROOMS_AT_ONCE)
      const ephemeral = await this.#ephemeral.texts(span, {
        fresh: [],
        known: chunk.map(({ roomId }) => roomId),
        withReceipts: chunk.filter(({ hasReceipts }) => hasReceipts).map(({ roomId }) => roomId),
      })
      const extras = { ephemeral, accountData, sticky }
      const told = await Promise.all(chunk.map((room) => this.#joined.known(span, room, extras)))
      yield told.filter((text) => text !== undefined)
    }
    for (let from = 0; from < fresh.length; from += ROOMS_AT_ONCE) {
      const chunk = fresh.slice(from, from + ROOMS_AT_ONCE)
      const [ephemeral, whole] = await Promise.all([
        this.#ephemeral.texts(span, { fresh: chunk, known: [], withReceipts: [] }),
        this.#wholeAccountData(span, chunk, accountData),
      ])
      yield await this.#joined.fresh(span, chunk, { ephemeral, accountData: whole, sticky })
    }
  }

  /** Of a room that is new to the client all account data is told, not only what changed. */
  async #wholeAccountData(
    span: Span,
    fresh: readonly RoomId[],
    accountData: RoomExtras['accountData'],
  ): Promise<RoomExtras['accountData']> {
    if (!span.since) return accountData
    const texts = await Promise.all(fresh.map((roomId) => this.#accountData.ofRoom(span, roomId)))
    return new Map(fresh.map((roomId, index) => [roomId, texts[index] ?? []]))
  }
}
