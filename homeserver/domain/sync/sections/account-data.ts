/** What the user's clients keep, for all rooms and for each. https://spec.matrix.org/v1.19/client-server-api/#client-config */
import type { CompiledEventFilter } from '../../../core/filter.ts'
import type { JsonObject } from '../../../core/event.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import { type AccountDataRow, listAccountData, listRoomAccountData } from '../../../storage/account-data.ts'
import type { Database } from '../../../storage/database.ts'
import type { Notifier } from '../notifier.ts'
import type { Span } from '../span.ts'

/** Asks for a user's push rules as clients see them. Declared here, fulfilled by push. */
export interface PushRuleReader {
  rulesOf(userId: UserId): Promise<{ readonly ruleset: object }>
}

export interface AccountDataNews {
  /** Texts of events. */
  readonly global: readonly string[]
  readonly rooms: ReadonlyMap<RoomId, readonly string[]>
}

const nothing: AccountDataNews = { global: [], rooms: new Map() }

export class AccountDataSection {
  readonly #database: Database
  readonly #pushRules: PushRuleReader
  readonly #notifier: Notifier

  constructor(parts: { database: Database; pushRules: PushRuleReader; notifier: Notifier }) {
    this.#database = parts.database
    this.#pushRules = parts.pushRules
    this.#notifier = parts.notifier
  }

  async changes(span: Span): Promise<AccountDataNews> {
    const { who, since, upto, filter } = span
    const changed = (stream: 'account_data' | 'push_rules'): boolean =>
      !since || (since[stream] < upto[stream] && this.#notifier.userChanged(stream, who.userId, since[stream]))
    if (!changed('account_data') && !changed('push_rules')) return nothing
    const [rows, rules] = await Promise.all([
      changed('account_data')
        ? listAccountData(this.#database, who.userId, since?.account_data, upto.account_data)
        : [],
      changed('push_rules') ? this.#rules(span) : [],
    ])
    const rooms = Map.groupBy(
      rows.filter(({ room_id }) => room_id !== '' && filter.roomAccountData.passesRoom(room_id)),
      ({ room_id }) => room_id as RoomId, // the line above looked
    )
    const global = texts(
      rows.filter(({ room_id }) => room_id === ''),
      filter.accountData,
    )
    return {
      global: [...rules, ...global],
      rooms: new Map([...rooms].map(([roomId, ofRoom]) => [roomId, texts(ofRoom, filter.roomAccountData)])),
    }
  }

  /** All of a room's, for a room that is new to the client. */
  async ofRoom({ who, filter }: Span, roomId: RoomId): Promise<readonly string[]> {
    if (!filter.roomAccountData.passesRoom(roomId)) return []
    return texts(await listRoomAccountData(this.#database, who.userId, roomId), filter.roomAccountData)
  }

  async #rules({ who, filter }: Span): Promise<string[]> {
    if (!filter.accountData.passes({ type: 'm.push_rules' })) return []
    const { ruleset } = await this.#pushRules.rulesOf(who.userId)
    return [`{"content":${JSON.stringify({ global: ruleset })},"type":"m.push_rules"}`]
  }
}

function texts(rows: readonly AccountDataRow[], filter: CompiledEventFilter): string[] {
  return rows
    .filter(
      ({ type, content }) =>
        filter.passesAll ||
        filter.passes({
          type,
          get content() {
            return JSON.parse(content) as JsonObject // only objects are stored
          },
        }),
    )
    .map(({ type, content }) => `{"content":${content},"type":${JSON.stringify(type)}}`)
}
