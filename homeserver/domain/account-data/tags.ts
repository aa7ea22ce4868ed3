/** Names a user gives to rooms, kept as account data of the room. https://spec.matrix.org/v1.19/client-server-api/#room-tagging */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { AccountData } from './account-data.ts'

const TYPE = 'm.tag'

export class Tags {
  readonly #accountData: AccountData

  constructor({ accountData }: { accountData: AccountData }) {
    this.#accountData = accountData
  }

  async list(userId: UserId, roomId: RoomId): Promise<JsonObject> {
    return tagsIn(await this.#accountData.find(userId, roomId, TYPE))
  }

  /** Throws `M_TOO_LARGE` beyond the limits of account data. */
  async set(userId: UserId, roomId: RoomId, tag: string, content: JsonObject): Promise<void> {
    await this.#accountData.refuseTooMuch(userId, Buffer.byteLength(JSON.stringify(content)))
    await this.#accountData.edit(userId, roomId, TYPE, (current) =>
      JSON.stringify({ tags: { ...tagsIn(current), [tag]: content } }),
    )
  }

  /** A tag that is not there is no error. */
  async delete(userId: UserId, roomId: RoomId, tag: string): Promise<void> {
    await this.#accountData.edit(userId, roomId, TYPE, (current) => {
      const { [tag]: removed, ...tags } = tagsIn(current)
      return removed === undefined ? undefined : JSON.stringify({ tags })
    })
  }
}

/** A client may have written anything there. */
function tagsIn(content: string | undefined): JsonObject {
  if (content === undefined) return {}
  const { tags } = JSON.parse(content) as JsonObject // only objects are stored
  return isJsonObject(tags) ? tags : {}
}
