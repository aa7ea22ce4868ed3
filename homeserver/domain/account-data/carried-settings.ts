/** Tags, and who one talks to in private, go over to a room that replaces another. */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { AccountData } from './account-data.ts'

export class CarriedSettings {
  readonly #accountData: AccountData

  constructor({ accountData }: { accountData: AccountData }) {
    this.#accountData = accountData
  }

  async carryOver(userId: UserId, from: RoomId, to: RoomId): Promise<void> {
    const tags = await this.#accountData.find(userId, from, 'm.tag')
    if (tags !== undefined)
      await this.#accountData.edit(userId, to, 'm.tag', (own) => (own === undefined ? tags : undefined))
    await this.#accountData.edit(userId, '', 'm.direct', (text) => withReplacement(text, from, to))
  }
}

/** `m.direct` lists rooms by user. https://spec.matrix.org/v1.19/client-server-api/#mdirect */
function withReplacement(text: string | undefined, from: RoomId, to: RoomId): string | undefined {
  if (text === undefined || !text.includes(from)) return undefined
  const direct = JSON.parse(text) as unknown
  if (!isJsonObject(direct)) return undefined
  const replaced = Object.entries(direct).map(([userId, rooms]) => [
    userId,
    Array.isArray(rooms) && rooms.includes(from) && !rooms.includes(to) ? [...(rooms as unknown[]), to] : rooms,
  ])
  const changed = Object.fromEntries(replaced) as JsonObject // as it was, with more ids
  const next = JSON.stringify(changed)
  return next === text ? undefined : next
}
