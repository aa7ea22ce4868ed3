/**
 * What a connection has told its client of each room. Rooms that it follows need no more than a mark: their place is the one
 * in `pos`. Only where something was held back, because the room was in no window, a place of its own is kept.
 */
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { RoomConfig, RoomConfigs } from './room-config.ts'
import type { StatePattern } from './required-state.ts'

/** Everything up to the place in `pos` was told. */
export const live = -1
/** Up to where something was told: a place in its stream, or `live`. Undefined: it never was. */
export type Told = number | undefined

export interface ToldRoom {
  /** What the client asked for then. Undefined for a room that the user was not joined to; `events` is his membership's place. */
  readonly config: RoomConfig | undefined
  readonly events: number
  readonly receipts: Told
  readonly accountData: Told
}

export interface ToldRooms {
  /** Counts the changes; 0 is the beginning, when nothing has been told. */
  readonly seq: number
  readonly rooms: ReadonlyMap<RoomId, ToldRoom>
  /** Account data that concerns no room. */
  readonly accountData: Told
}

export const nothingTold: ToldRooms = { seq: 0, rooms: new Map(), accountData: undefined }

/** What is told while an answer is made: a copy from the first change on. */
export class Telling {
  readonly before: ToldRooms
  #rooms: Map<RoomId, ToldRoom> | undefined
  #accountData: Told

  constructor(before: ToldRooms) {
    this.before = before
    this.#accountData = before.accountData
  }

  get rooms(): ReadonlyMap<RoomId, ToldRoom> {
    return this.#rooms ?? this.before.rooms
  }

  get accountData(): Told {
    return this.#accountData
  }

  set accountData(told: Told) {
    this.#accountData = told
  }

  set(roomId: RoomId, room: ToldRoom): void {
    const known = this.rooms.get(roomId)
    if (known && isSame(known, room)) return
    this.#rooms ??= new Map(this.before.rooms)
    this.#rooms.set(roomId, room)
  }

  delete(roomId: RoomId): void {
    if (!this.rooms.has(roomId)) return
    this.#rooms ??= new Map(this.before.rooms)
    this.#rooms.delete(roomId)
  }

  /** The same object if nothing has changed. */
  after(seq: number): ToldRooms {
    if (!this.#rooms && this.#accountData === this.before.accountData) return this.before
    return { seq, rooms: this.rooms, accountData: this.#accountData }
  }
}

function isSame(a: ToldRoom, b: ToldRoom): boolean {
  return (
    a.events === b.events &&
    a.receipts === b.receipts &&
    a.accountData === b.accountData &&
    a.config?.key === b.config?.key &&
    a.config?.limit === b.config?.limit
  )
}

/** As it is stored: each config once. */
interface Encoded {
  readonly accountData: number | null
  readonly configs: readonly (readonly [limit: number, patterns: readonly (readonly StatePattern[])[]])[]
  /** With the index of the config; null: not joined. */
  readonly rooms: readonly (readonly [RoomId, number | null, number, number | null, number | null])[]
}

export function encodeTold({ rooms, accountData }: Omit<ToldRooms, 'seq'>): string {
  const indexes = new Map<string, number>()
  const configs: Encoded['configs'][number][] = []
  const indexOf = ({ key, limit, required }: RoomConfig): number => {
    const name = `${limit} ${key}`
    const known = indexes.get(name)
    if (known !== undefined) return known
    indexes.set(name, configs.length)
    return configs.push([limit, required.map(({ patterns }) => patterns)]) - 1
  }
  const encoded: Encoded = {
    accountData: accountData ?? null,
    rooms: [...rooms].map(([roomId, { config, events, receipts, accountData: data }]) => [
      roomId,
      config ? indexOf(config) : null,
      events,
      receipts ?? null,
      data ?? null,
    ]),
    configs,
  }
  return JSON.stringify(encoded)
}

export function decodeTold(seq: number, text: string, configs: RoomConfigs, userId: UserId): ToldRooms {
  const encoded = JSON.parse(text) as Encoded // written by `encodeTold`
  const made = encoded.configs.map(([limit, patterns]) => configs.make(limit, patterns, userId))
  const rooms = encoded.rooms.map(([roomId, index, events, receipts, accountData]): [RoomId, ToldRoom] => [
    roomId,
    {
      config: index === null ? undefined : made[index],
      events,
      receipts: receipts ?? undefined,
      accountData: accountData ?? undefined,
    },
  ])
  return { seq, rooms: new Map(rooms), accountData: encoded.accountData ?? undefined }
}
