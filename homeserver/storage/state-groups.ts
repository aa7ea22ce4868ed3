/**
 * State as shared deltas. A state group is the state of a room at some event; the group after a state event differs from
 * the one before in one entry, and storing only that makes long chains. So a group of height h stores the changes since
 * its ancestor of height h minus the lowest set bit of h: reading one takes at most log2(h) + 1 steps, and n groups store
 * n/2 · log2(n) entries instead of n².
 *
 * An entry is the nid of a state event, which knows its type and state key; a negative one takes that event's key away.
 */
import { type StateKey, stateKeyOf } from '../core/event.ts'
import type { EventId, RoomId } from '../core/ids.ts'
import { Lru } from '../platform/lru.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

/** What a state map holds for a key. */
export interface StateEntry {
  readonly nid: number
  readonly eventId: EventId
}

export type StateMap = ReadonlyMap<StateKey, StateEntry>

/** Changes by key; undefined takes the key away. */
export type StateDelta = ReadonlyMap<StateKey, StateEntry | undefined>

export interface StateGroup {
  readonly id: number
  readonly roomId: RoomId
  readonly height: number
  /** The ancestor that `delta` is relative to. */
  readonly baseId: number | undefined
  /** The group before this one. */
  readonly prevId: number | undefined
  /** Nids, negative for keys taken away. */
  readonly delta: readonly number[]
}

/** Delta entries in memory, by count. However large a group is, all that the next one is built on fit in. */
const MAX_CACHED_ENTRIES = 200_000
const MAX_WEIGHT = MAX_CACHED_ENTRIES / 40

interface CachedGroup extends StateGroup {
  readonly changes: StateDelta
  /** For entries of `changes` that take a key away: the event that had it. */
  readonly removed: ReadonlyMap<StateKey, number>
}

export class StateGroups {
  /** Groups never change, so nothing invalidates this but space. */
  readonly #cache = new Lru<number, CachedGroup>(MAX_CACHED_ENTRIES, (group) =>
    Math.min(group.changes.size + 4, MAX_WEIGHT),
  )

  /**
   * The group that follows `prev` by `changes`, ready to be inserted. Reads from `conn` only ancestors that are not in
   * memory. `removed` names the events whose keys go away.
   */
  async derive(
    conn: Conn,
    {
      id,
      roomId,
      prevId,
      changes,
      removed = new Map(),
    }: {
      id: number
      roomId: RoomId
      prevId: number | undefined
      changes: StateDelta
      removed?: ReadonlyMap<StateKey, number>
    },
  ): Promise<StateGroup> {
    const prev = prevId === undefined ? undefined : await this.#get(conn, prevId)
    return this.#add({ id, roomId, prev, changes, removed }, await this.#chain(conn, prev))
  }

  /** As `derive`, where all ancestors are in memory; undefined where they are not. */
  deriveNow(id: number, roomId: RoomId, prevId: number | undefined, changes: StateDelta): StateGroup | undefined {
    const prev = prevId === undefined ? undefined : this.#cache.get(prevId)
    if (prevId !== undefined && prev === undefined) return undefined
    const chain = this.#chainNow(prev)
    return chain && this.#add({ id, roomId, prev, changes, removed: new Map() }, chain)
  }

  /** Whether `deriveNow` can follow this group. */
  isWarm(id: number): boolean {
    const group = this.#cache.get(id)
    return group !== undefined && this.#chainNow(group) !== undefined
  }

  /** Brings into memory what `deriveNow` needs to follow this group. */
  async warm(conn: Conn, id: number): Promise<void> {
    await this.#chain(conn, await this.#get(conn, id))
  }

  /** The whole state of a group. */
  async load(conn: Conn, id: number): Promise<StateMap> {
    const state = new Map<StateKey, StateEntry>()
    const gone = new Set<StateKey>()
    for (const group of await this.#down(conn, id)) {
      for (const [key, entry] of group.changes) {
        if (state.has(key) || gone.has(key)) continue
        if (entry) state.set(key, entry)
        else gone.add(key)
      }
    }
    return state
  }

  /** Some keys of a group's state. */
  async find(conn: Conn, id: number, keys: readonly StateKey[]): Promise<StateMap> {
    const found = new Map<StateKey, StateEntry>()
    const wanted = new Set(keys)
    for (const group of await this.#down(conn, id)) {
      if (wanted.size === 0) break
      for (const key of wanted) {
        if (!group.changes.has(key)) continue
        const entry = group.changes.get(key)
        if (entry) found.set(key, entry)
        wanted.delete(key)
      }
    }
    return found
  }

  #add(
    {
      id,
      roomId,
      prev,
      changes,
      removed,
    }: {
      id: number
      roomId: RoomId
      prev: CachedGroup | undefined
      changes: StateDelta
      removed: ReadonlyMap<StateKey, number>
    },
    chain: readonly CachedGroup[],
  ): StateGroup {
    const height = (prev?.height ?? 0) + 1
    const merged = new Map(changes)
    const gone = new Map(removed)
    for (const group of chain) {
      for (const [key, entry] of group.changes) if (!merged.has(key)) merged.set(key, entry)
      for (const [key, nid] of group.removed) if (!gone.has(key)) gone.set(key, nid)
    }
    const delta: number[] = []
    for (const [key, entry] of merged) {
      const nid = entry?.nid ?? -(gone.get(key) ?? 0)
      if (nid !== 0) delta.push(nid)
    }
    const last = chain.at(-1)
    const baseId = last ? last.baseId : prev?.id
    const group: CachedGroup = { id, roomId, height, baseId, prevId: prev?.id, delta, changes: merged, removed: gone }
    this.#cache.set(id, group)
    return group
  }

  /** The groups whose deltas the next one after `prev` has to take in, newest first. */
  async #chain(conn: Conn, prev: CachedGroup | undefined): Promise<CachedGroup[]> {
    const chain: CachedGroup[] = []
    const target = prev ? bottomOf(prev.height + 1) : 0
    for (let group = prev; group && group.height > target;) {
      chain.push(group)
      if (group.baseId === undefined) break
      group = await this.#get(conn, group.baseId)
    }
    return chain
  }

  /** As `#chain`; undefined where not all of it is in memory. */
  #chainNow(prev: CachedGroup | undefined): CachedGroup[] | undefined {
    const chain: CachedGroup[] = []
    const target = prev ? bottomOf(prev.height + 1) : 0
    for (let group = prev; group && group.height > target;) {
      chain.push(group)
      if (group.baseId === undefined) break
      group = this.#cache.get(group.baseId)
      if (!group) return undefined
    }
    return chain
  }

  /** A group and the bases below it. */
  async #down(conn: Conn, id: number): Promise<CachedGroup[]> {
    const groups: CachedGroup[] = []
    for (let next: number | undefined = id; next !== undefined;) {
      const group: CachedGroup = await this.#get(conn, next)
      groups.push(group)
      next = group.baseId
    }
    return groups
  }

  async #get(conn: Conn, id: number): Promise<CachedGroup> {
    const cached = this.#cache.get(id)
    if (cached) return cached
    const group = await read(conn, id)
    this.#cache.set(id, group)
    return group
  }
}

/** The height that a group of height `height` is relative to. */
function bottomOf(height: number): number {
  return height & (height - 1)
}

/** The group that a group was made from by one change; of a group that was told whole there is none. */
export async function findGroupBefore(conn: Conn, id: number): Promise<number | undefined> {
  const row = await conn.row<{ prev_id: number | null }>('select prev_id from state_groups where id = ?', [id])
  return row?.prev_id ?? undefined
}

export async function insertStateGroups(tx: Tx, groups: readonly StateGroup[]): Promise<void> {
  if (groups.length === 0) return
  await insertMany(
    tx,
    'state_groups',
    ['id', 'room_id', 'height', 'base_id', 'prev_id', 'delta'],
    groups.map(({ id, roomId, height, baseId, prevId, delta }) => [
      id,
      roomId,
      height,
      baseId ?? null,
      prevId ?? null,
      JSON.stringify(delta),
    ]),
  )
}

interface GroupRow {
  readonly id: number
  readonly room_id: RoomId
  readonly height: number
  readonly base_id: number | null
  readonly prev_id: number | null
  readonly delta: string
}

async function read(conn: Conn, id: number): Promise<CachedGroup> {
  const row = await conn.row<GroupRow>(
    'select id, room_id, height, base_id, prev_id, delta from state_groups where id = ?',
    [id],
  )
  if (!row) throw new Error(`state group ${id} is missing`)
  const delta = JSON.parse(row.delta) as number[] // written by insertStateGroups
  const events = await rowsIn<{ nid: number; event_id: EventId; type: string; state_key: string }>(
    conn,
    'select nid, event_id, type, state_key from events where nid in (?)',
    delta.map(Math.abs),
  )
  const byNid = new Map(events.map((event) => [event.nid, event]))
  const changes = new Map<StateKey, StateEntry | undefined>()
  const removed = new Map<StateKey, number>()
  for (const nid of delta) {
    const event = byNid.get(Math.abs(nid))
    if (!event) throw new Error(`state group ${id} names event ${Math.abs(nid)}, which is missing`)
    const key = stateKeyOf(event.type, event.state_key)
    changes.set(key, nid > 0 ? { nid, eventId: event.event_id } : undefined)
    if (nid < 0) removed.set(key, -nid)
  }
  return {
    id,
    roomId: row.room_id,
    height: row.height,
    baseId: row.base_id ?? undefined,
    prevId: row.prev_id ?? undefined,
    delta,
    changes,
    removed,
  }
}
