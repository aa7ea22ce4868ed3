/** Who may change what is bridged with a room. */
import type { MatrixEvent } from '../../appservice/event.ts'
import { listOf } from '../../appservice/json.ts'
import type { Matrix } from '../matrix.ts'

interface PowerLevels {
  readonly events?: Readonly<Record<string, number>>
  readonly state_default?: number
  readonly users?: Readonly<Record<string, number>>
  readonly users_default?: number
}

export class Rights {
  readonly #matrix: Matrix
  readonly #admins: readonly string[]

  constructor({ matrix, admins }: { matrix: Matrix; admins: readonly string[] }) {
    this.#matrix = matrix
    this.#admins = admins
  }

  isAdmin(userId: string): boolean {
    return this.#admins.includes(userId)
  }

  /** Who may change what others may do there. */
  async mayBridge({ sender, room_id: roomId }: MatrixEvent): Promise<boolean> {
    if (this.isAdmin(sender)) return true
    const levels = ((await this.#matrix.state(roomId, 'm.room.power_levels')) ?? {}) as PowerLevels
    const create = (await this.#matrix.request(
      this.#matrix.botUserId,
      'GET',
      `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/state`,
    )) as unknown as MatrixEvent[]
    const creation = create.find(({ type }) => type === 'm.room.create')
    const creators = [creation?.sender, ...listOf(creation?.content['additional_creators'])]
    const isAboveAll = Number(creation?.content['room_version'] ?? 1) >= 12 && creators.includes(sender)
    const needed = levels.events?.['m.room.power_levels'] ?? levels.state_default ?? 50
    return isAboveAll || (levels.users?.[sender] ?? levels.users_default ?? 0) >= needed
  }
}
