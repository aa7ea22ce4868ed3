/** What the user's clients keep, for all rooms and for each. */
import type { RoomId } from '../../../../core/ids.ts'
import { type AccountDataRow, listAccountData, listRoomAccountData } from '../../../../storage/account-data.ts'
import type { Database } from '../../../../storage/database.ts'
import type { Notifier } from '../../notifier.ts'
import type { PushRuleReader } from '../../sections/account-data.ts'
import { live, type Telling } from '../told.ts'
import { byRoom, type Extension, type ExtensionAnswer, nothingToSay, roomsOf, type Scene } from './extension.ts'

export interface AccountDataParts {
  readonly database: Database
  readonly notifier: Notifier
  readonly pushRules: PushRuleReader
}

export class AccountDataExtension implements Extension {
  readonly name = 'account_data'
  readonly #parts: AccountDataParts

  constructor(parts: AccountDataParts) {
    this.#parts = parts
  }

  async answer(scene: Scene): Promise<ExtensionAnswer> {
    const { span, request, telling } = scene
    const asked = request.extensions.account_data
    const rooms = roomsOf(scene, asked)
    const changed = await this.#changed(scene, rooms)
    let read: Promise<readonly AccountDataRow[]> | undefined
    const all = () =>
      (read ??= listAccountData(this.#parts.database, span.who.userId, undefined, span.upto.account_data))
    const [global, texts] = await Promise.all([
      asked?.enabled ? this.#global(scene, changed, all) : [],
      this.#ofRooms(scene, rooms, changed, all),
    ])
    if (asked?.enabled) telling.accountData = live
    else if (telling.accountData === live && changed.some(isGlobal)) telling.accountData = span.since?.account_data
    if (!asked?.enabled) return nothingToSay
    const text = `{"global":[${global.join(',')}],"rooms":${byRoom(texts)}}`
    return { text, hasNews: global.length > 0 || texts.size > 0 }
  }

  /** Everything since the earliest place that the client may have to be told from. */
  async #changed(
    { span: { who, since, upto }, telling }: Scene,
    rooms: ReadonlySet<RoomId>,
  ): Promise<readonly AccountDataRow[]> {
    const { database, notifier } = this.#parts
    if (!since) return []
    let from = since.account_data
    const consider = (told: number | undefined): void => {
      if (told !== undefined && told !== live) from = Math.min(from, told)
    }
    consider(telling.accountData)
    for (const roomId of rooms) consider(telling.rooms.get(roomId)?.accountData)
    if (from >= upto.account_data || !notifier.userChanged('account_data', who.userId, from)) return []
    return await listAccountData(database, who.userId, from, upto.account_data)
  }

  async #global(
    { span, telling }: Scene,
    changed: readonly AccountDataRow[],
    all: () => Promise<readonly AccountDataRow[]>,
  ): Promise<string[]> {
    const { notifier, pushRules } = this.#parts
    const { who, since, upto } = span
    const told = telling.accountData
    const from = told === live ? since?.account_data : told
    const rows = from === undefined ? await all() : changed.filter(({ stream_id }) => stream_id > from)
    const rulesMoved =
      from === undefined ||
      !since ||
      notifier.userChanged('push_rules', who.userId, Math.min(since.push_rules, upto.push_rules))
    const rules = rulesMoved ? [rulesText((await pushRules.rulesOf(who.userId)).ruleset)] : []
    return [...rules, ...rows.filter(isGlobal).map(eventText)]
  }

  async #ofRooms(
    scene: Scene,
    rooms: ReadonlySet<RoomId>,
    changed: readonly AccountDataRow[],
    all: () => Promise<readonly AccountDataRow[]>,
  ): Promise<ReadonlyMap<RoomId, string>> {
    const { span, telling } = scene
    const byRoomId = Map.groupBy(changed, ({ room_id }) => room_id)
    const texts = new Map<RoomId, string>()
    const add = (roomId: RoomId, rows: readonly AccountDataRow[]): void => {
      if (rows.length > 0) texts.set(roomId, `[${rows.map(eventText).join(',')}]`)
    }
    const fresh: RoomId[] = []
    for (const roomId of rooms) {
      const told = telling.rooms.get(roomId)?.accountData
      const from = told === live ? span.since?.account_data : told
      if (from === undefined) fresh.push(roomId)
      else
        add(
          roomId,
          (byRoomId.get(roomId) ?? []).filter(({ stream_id }) => stream_id > from),
        )
      mark(telling, roomId, live)
    }
    const { database } = this.#parts
    const { userId } = span.who
    if (fresh.length === 1 && fresh[0]) add(fresh[0], await listRoomAccountData(database, userId, fresh[0]))
    else if (fresh.length > 0) {
      const grouped = Map.groupBy(await all(), ({ room_id }) => room_id)
      for (const roomId of fresh) add(roomId, grouped.get(roomId) ?? [])
    }
    for (const roomId of byRoomId.keys()) {
      if (roomId === '' || rooms.has(roomId)) continue
      if (telling.rooms.get(roomId)?.accountData === live) mark(telling, roomId, span.since?.account_data)
    }
    return texts
  }
}

function mark(telling: Telling, roomId: RoomId, accountData: number | undefined): void {
  const told = telling.rooms.get(roomId)
  if (told) telling.set(roomId, { ...told, accountData })
}

function isGlobal({ room_id: roomId }: AccountDataRow): boolean {
  return roomId === ''
}

function eventText({ type, content }: AccountDataRow): string {
  return `{"type":${JSON.stringify(type)},"content":${content}}`
}

function rulesText(ruleset: object): string {
  return `{"type":"m.push_rules","content":${JSON.stringify({ global: ruleset })}}`
}
