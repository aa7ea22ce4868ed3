/** Asks other servers for history where a page of it meets a gap. */
import type { EventId, RoomId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { listGaps } from '../../storage/gaps.ts'
import type { EventPage, EventRange } from '../../storage/history.ts'
import type { HistorySource } from './hooks.ts'

export interface GapFillerParts {
  readonly database: Database
  readonly sources: readonly HistorySource[]
}

/** Gaps looked at, and those that are asked for at one time. */
const MAX_GAPS = 500
const MAX_ASKED = 10
/** How often other servers are asked for one page. */
const MAX_FILLS = 3

export class GapFiller {
  readonly #parts: GapFillerParts

  constructor(parts: GapFillerParts) {
    this.#parts = parts
  }

  /**
   * A page of what came before a place, read again after each gap on its way that could be filled. Gaps before `cut` are
   * left open: what belongs there would not be kept.
   */
  async filled(
    roomId: RoomId,
    { from }: EventRange,
    read: () => Promise<EventPage>,
    cut = -Infinity,
  ): Promise<EventPage> {
    let page = await read()
    const [source] = this.#parts.sources
    for (let fills = 0; source && fills < MAX_FILLS; fills++) {
      const missing = await this.#missing(roomId, from?.depth ?? Infinity, lowestOf(page), cut)
      if (missing.length === 0 || !(await source.fetch(roomId, missing))) return page
      page = await read()
    }
    return page
  }

  /** What is missing between two depths, the latest first. */
  async #missing(roomId: RoomId, highest: number, lowest: number, cut: number): Promise<EventId[]> {
    const gaps = await listGaps(this.#parts.database, roomId, MAX_GAPS)
    const passed = gaps.filter(
      ({ childDepth, childTs }) => childDepth <= highest + 1 && childDepth >= lowest && childTs >= cut,
    )
    return [...new Set(passed.map(({ missingId }) => missingId))].slice(0, MAX_ASKED)
  }
}

/** How deep a page goes; one with nothing beyond it goes to the ground. */
function lowestOf({ events, next }: EventPage): number {
  return next === undefined ? -Infinity : (events.at(-1)?.row.depth ?? Infinity)
}
