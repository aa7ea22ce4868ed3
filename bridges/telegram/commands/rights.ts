/** Who may change what is bridged with a room. */
import type { MatrixEvent } from '../../appservice/event.ts'
import { maySetState, type StateEvent } from '../../appservice/powers.ts'
import type { Matrix } from '../matrix.ts'

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
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/state`
    const state: unknown = await this.#matrix.request(this.#matrix.botUserId, 'GET', path)
    return maySetState(state as StateEvent[], sender, 'm.room.power_levels') // an array, by the specification
  }
}
