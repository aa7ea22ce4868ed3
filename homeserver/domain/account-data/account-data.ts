/** What clients keep for their user. https://spec.matrix.org/v1.19/client-server-api/#client-config */
import { refuse, tooLarge } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { DeviceId, RoomId, UserId } from '../../core/ids.ts'
import {
  type AccountDataKey,
  type AccountDataRow,
  accountDataUsage,
  findAccountData,
  listAccountData,
  listAccountDataTypes,
  listRoomAccountData,
  setAccountData,
} from '../../storage/account-data.ts'
import type { Conn, Database, Tx } from '../../storage/database.ts'
import { GroupCommit } from '../../storage/group-commit.ts'
import type { Streams } from '../../storage/streams.ts'
import type { DeviceBelongings } from '../accounts/hooks.ts'
import { maxAccountDataBytes, maxAccountDataEntries, maxAccountDataTotal } from '../limits.ts'

/** Makes new content (JSON) of the old; undefined leaves it as it is. May be called twice, so it has no outside effects. */
export type Edit = (current: string | undefined, conn: Conn) => Promise<string | undefined> | string | undefined

interface Change {
  readonly key: AccountDataKey
  /** Content, if it does not depend on what is there. */
  readonly edit: Edit | string
}

/** What bells of the account data stream carry. */
export interface AccountDataNews {
  readonly rows: readonly AccountDataRow[]
}

/** Types that the server keeps for its users: clients read them like others. */
const serverTypes: ReadonlySet<string> = new Set(['m.fully_read', 'm.push_rules'])

/** Before the id of a device. https://github.com/matrix-org/matrix-spec-proposals/pull/3890 */
const deviceSettings = ['m.local_notification_settings.', 'org.matrix.msc3890.local_notification_settings.']

export class AccountData implements DeviceBelongings {
  readonly #database: Database
  readonly #streams: Streams
  readonly #commits: GroupCommit<Change, undefined>

  constructor({ database, streams }: { database: Database; streams: Streams }) {
    this.#database = database
    this.#streams = streams
    this.#commits = new GroupCommit({
      database,
      name: 'set account data',
      write: (tx, changes) => this.#write(tx, changes),
    })
  }

  /** All of a user's, for a copy to take along. */
  async list(userId: UserId): Promise<AccountDataRow[]> {
    return await listAccountData(this.#database, userId, undefined, Number.MAX_SAFE_INTEGER)
  }

  /** All of one room, what was deleted left out. */
  async listRoom(userId: UserId, roomId: RoomId): Promise<AccountDataRow[]> {
    return await listRoomAccountData(this.#database, userId, roomId)
  }

  /** The content as JSON. `roomId` is empty for what concerns no room. */
  async find(userId: UserId, roomId: RoomId | '', type: string): Promise<string | undefined> {
    return await findAccountData(this.#database, { user_id: userId, room_id: roomId, type })
  }

  /**
   * For clients: throws for types that belong to the server and `M_TOO_LARGE` beyond the limits. Empty content deletes
   * what was there, by MSC3391; clients that wait for it to come down the sync are told in any case.
   */
  async set(userId: UserId, roomId: RoomId | '', type: string, content: JsonObject): Promise<void> {
    refuseServerType(type)
    const text = JSON.stringify(content)
    await this.refuseTooMuch(userId, Buffer.byteLength(text))
    await this.#commits.add({ key: { user_id: userId, room_id: roomId, type }, edit: text === '{}' ? '' : text })
  }

  /** Other devices see empty content come; afterwards there is none. https://github.com/matrix-org/matrix-spec-proposals/pull/3391 */
  async delete(userId: UserId, roomId: RoomId | '', type: string): Promise<void> {
    refuseServerType(type)
    await this.edit(userId, roomId, type, (current) => (current === undefined ? undefined : ''))
  }

  /** Settings of a device that no longer is there go with it, by MSC3890. */
  async devicesRemoved(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
    const types = deviceIds.flatMap((deviceId) => deviceSettings.map((prefix) => `${prefix}${deviceId}`))
    const known = await listAccountDataTypes(tx, userId, types)
    const deleted = known.map((type) => ({ key: { user_id: userId, room_id: '' as const, type }, content: '' }))
    if (deleted.length > 0) await this.#writeRows(tx, deleted)
  }

  /** Reads and writes as one step. Throws `M_TOO_LARGE` if the content gets too large. */
  async edit(userId: UserId, roomId: RoomId | '', type: string, edit: Edit): Promise<void> {
    await this.#commits.add({ key: { user_id: userId, room_id: roomId, type }, edit })
  }

  /**
   * Throws `M_TOO_LARGE` if the user may not add as much. Looked at outside of the transaction: requests at the same
   * time may go a little beyond.
   */
  async refuseTooMuch(userId: UserId, bytes: number): Promise<void> {
    if (bytes > maxAccountDataBytes) throw tooLarge(`Account data of one type may have ${maxAccountDataBytes} bytes`)
    const { entries, characters } = await accountDataUsage(this.#database, userId)
    if (entries >= maxAccountDataEntries || characters + bytes > maxAccountDataTotal) {
      throw tooLarge('You have as much account data as the server keeps for one user')
    }
  }

  async #write(tx: Tx, changes: readonly Change[]): Promise<undefined[]> {
    const contents = new Map<string, { key: AccountDataKey; content: string }>()
    for (const { key, edit } of changes) {
      const id = JSON.stringify([key.user_id, key.room_id, key.type])
      const current = (): Promise<string | undefined> | string | undefined => {
        const written = contents.get(id)
        return written ? written.content || undefined : findAccountData(tx, key)
      }
      const content = typeof edit === 'string' ? edit : await edit(await current(), tx)
      if (content === undefined) continue
      if (Buffer.byteLength(content) > maxAccountDataBytes) throw tooLarge('This account data is too large')
      contents.set(id, { key, content })
    }
    if (contents.size > 0) await this.#writeRows(tx, [...contents.values()])
    return changes.map(() => undefined)
  }

  async #writeRows(tx: Tx, contents: readonly { key: AccountDataKey; content: string }[]): Promise<void> {
    const users = [...new Set(contents.map(({ key }) => key.user_id))]
    const rows: AccountDataRow[] = []
    const first = this.#streams.reserve(tx, 'account_data', contents.length, { users }, {
      rows,
    } satisfies AccountDataNews)
    for (const [index, { key, content }] of contents.entries()) rows.push({ ...key, content, stream_id: first + index })
    await setAccountData(tx, rows)
  }
}

function refuseServerType(type: string): void {
  if (serverTypes.has(type)) throw refuse(405, 'M_BAD_JSON', `${type} is kept by the server and cannot be set this way`)
}
