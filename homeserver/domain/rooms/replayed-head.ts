/** The head of a room as events come again, one after the other: beside the head that there is, which stays as it is. */
import type { Verdict } from '../../core/auth/verdict.ts'
import type { Extremity } from '../../storage/rooms.ts'
import { extremityOf } from './build.ts'
import type { RoomHead } from './head.ts'
import { checkSoftly, consumedBy, groupsOf, pruned } from './head-move.ts'
import type { Judgement } from './judge.ts'
import type { RemoteEvent } from './remote-event.ts'
import type { StateForks } from './state-forks.ts'
import type { StateReader } from './state-reader.ts'

export class ReplayedHead {
  readonly #reader: StateReader
  readonly #forks: StateForks
  /** Knows the events that came again. */
  readonly #head: RoomHead
  #extremities: readonly Extremity[] = []
  #stateGroup: number | undefined

  constructor({ reader, forks }: { reader: StateReader; forks: StateForks }, head: RoomHead) {
    this.#reader = reader
    this.#forks = forks
    this.#head = head
  }

  /** Throws as long as nothing has come. */
  get tips(): { readonly extremities: readonly Extremity[]; readonly stateGroup: number } {
    if (this.#stateGroup === undefined) throw new Error('a room has no last event')
    return { extremities: this.#extremities, stateGroup: this.#stateGroup }
  }

  /** What the state as it has become says about an event that the state before it allows. */
  async check(event: RemoteEvent, judged: Judgement): Promise<Verdict> {
    if (this.#stateGroup === undefined) return judged.verdict
    return await checkSoftly(this.#reader, this.#head, event, judged, this.#stateGroup)
  }

  /** An accepted event, which the head that there is knows as such. */
  async add(event: RemoteEvent, { stateGroup }: Judgement): Promise<void> {
    const { roomId, version } = this.#head
    const consumed = await consumedBy(this.#reader, this.#head, event)
    const others = this.#extremities.filter(({ eventId }) => !consumed.has(eventId))
    this.#extremities = [...pruned(others), extremityOf(event, version)]
    this.#stateGroup = stateGroup
    if (others.length === 0) return
    const groups = await groupsOf(this.#reader, this.#head, this.#extremities)
    this.#stateGroup = await this.#forks.merge({ roomId, version, head: this.#head }, groups)
  }
}
