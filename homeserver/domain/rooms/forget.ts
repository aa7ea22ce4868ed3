/** Hides rooms from those who left them. https://spec.matrix.org/v1.19/client-server-api/#leaving-rooms */
import { MatrixError } from '../../core/errors.ts'
import type { RoomId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { forgetRoom } from '../../storage/memberships.ts'
import type { Requester } from '../accounts/requester.ts'
import type { Members } from './members.ts'

export class Forgetting {
  readonly #database: Database
  readonly #members: Members

  constructor({ database, members }: { readonly database: Database; readonly members: Members }) {
    this.#database = database
    this.#members = members
  }

  /** Throws `M_UNKNOWN` for a room the user is in or may come into. Coming back makes the room visible again. */
  async forget({ userId }: Requester, roomId: RoomId): Promise<void> {
    const member = await this.#members.find(roomId, userId)
    if (!member) return
    if (member.membership !== 'leave' && member.membership !== 'ban') {
      throw new MatrixError(400, 'M_UNKNOWN', 'Leave the room before you forget it')
    }
    await this.#database.transaction('forget a room', async (tx) => {
      await forgetRoom(tx, roomId, userId)
      tx.onCommit(() => this.#members.drop(userId))
    })
  }
}
