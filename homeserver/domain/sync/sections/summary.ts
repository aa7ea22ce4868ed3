/** What a client needs to name a room without knowing its members. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync */
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import { ReadCache } from '../../../platform/read-cache.ts'
import type { Database } from '../../../storage/database.ts'
import { type Hero, listHeroes, listRoomFacts, type RoomFacts } from '../../../storage/sync.ts'
import { newsOf } from '../../rooms/news.ts'

export interface Summary {
  readonly joined: number
  readonly invited: number
  /** Absent in rooms that have a name. */
  readonly heroes: readonly UserId[] | undefined
}

/** A room as it is shown to one of its members. */
export interface Portrait {
  readonly name: string | undefined
  readonly avatarUrl: string | undefined
  readonly joined: number
  readonly invited: number
  /** Absent in rooms that have a name. */
  readonly heroes: readonly Hero[] | undefined
}

interface Known {
  readonly facts: RoomFacts
  /** One more than is told, because nobody is told of himself. */
  readonly heroes: readonly Hero[]
}

const MAX_HEROES = 5
const MAX_ROOMS = 5_000
const types: ReadonlySet<string> = new Set(['m.room.member', 'm.room.name', 'm.room.canonical_alias'])
const portraitTypes: ReadonlySet<string> = new Set([...types, 'm.room.avatar'])

export class Summaries {
  readonly #database: Database
  readonly #known = new ReadCache<RoomId, Known>(MAX_ROOMS)

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => {
      if (bell.stream !== 'events') return
      const news = newsOf(bell)
      const changed = news
        ? news.changes.filter(({ type }) => portraitTypes.has(type)).map(({ roomId }) => roomId)
        : (bell.keys.rooms ?? [])
      this.#known.drop(changed as RoomId[]) // keys of this stream are ids
    })
  }

  /** Whether a change of state of this type may change the summary. */
  concerns(type: string): boolean {
    return types.has(type)
  }

  /** As `concerns`, of portraits. */
  changesPortrait(type: string): boolean {
    return portraitTypes.has(type)
  }

  async portraits(roomIds: readonly RoomId[], userId: UserId): Promise<ReadonlyMap<RoomId, Portrait>> {
    const known = await this.#known.list(roomIds, (missing) => this.#read(missing))
    return new Map([...known].map(([roomId, room]) => [roomId, portraitOf(room, userId)]))
  }

  async list(roomIds: readonly RoomId[], userId: UserId): Promise<ReadonlyMap<RoomId, Summary>> {
    const known = await this.#known.list(roomIds, (missing) => this.#read(missing))
    return new Map([...known].map(([roomId, room]) => [roomId, summaryOf(room, userId)]))
  }

  async #read(roomIds: readonly RoomId[]): Promise<(readonly [RoomId, Known])[]> {
    const facts = await listRoomFacts(this.#database, roomIds)
    const nameless = facts.filter(({ name, canonical_alias: alias }) => !name && !alias)
    const heroes = Map.groupBy(
      await listHeroes(
        this.#database,
        nameless.map(({ room_id }) => room_id),
        MAX_HEROES + 1,
      ),
      ({ room_id }) => room_id,
    )
    return facts.map((room) => [room.room_id, { facts: room, heroes: heroes.get(room.room_id) ?? [] }] as const)
  }
}

function summaryOf({ facts, heroes }: Known, userId: UserId): Summary {
  const { joined_members: joined, invited_members: invited } = facts
  return { joined, invited, heroes: namesakes({ facts, heroes }, userId)?.map((hero) => hero.user_id) }
}

function portraitOf({ facts, heroes }: Known, userId: UserId): Portrait {
  return {
    name: facts.name ?? undefined,
    avatarUrl: facts.avatar_url ?? undefined,
    joined: facts.joined_members,
    invited: facts.invited_members,
    heroes: namesakes({ facts, heroes }, userId),
  }
}

/** After whom a room without a name is called. */
function namesakes({ facts, heroes }: Known, userId: UserId): readonly Hero[] | undefined {
  if (facts.name || facts.canonical_alias) return undefined
  const others = heroes.filter((hero) => hero.user_id !== userId)
  const present = others.filter(({ membership }) => membership === 'join' || membership === 'invite')
  // Those who left give the name only where nobody else is there.
  return (present.length > 0 ? present : others).slice(0, MAX_HEROES)
}

export function summaryText({ joined, invited, heroes }: Summary): string {
  const named = heroes ? `"m.heroes":${JSON.stringify(heroes)},` : ''
  return `{${named}"m.invited_member_count":${invited},"m.joined_member_count":${joined}}`
}
