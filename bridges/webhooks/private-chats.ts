/** Secrets are told where nobody else reads: in a chat of the bot with one person. */
import type { Database } from '../appservice/database.ts'
import type { Homeserver } from '../appservice/homeserver.ts'
import { chatOf, setChat } from './store/hooks.ts'

export class PrivateChats {
  readonly #homeserver: Homeserver
  readonly #database: Database

  constructor({ homeserver, database }: { homeserver: Homeserver; database: Database }) {
    this.#homeserver = homeserver
    this.#database = database
  }

  async tell(userId: string, text: string, txnId: string): Promise<void> {
    await this.#homeserver.notice(await this.#open(userId), text, txnId)
  }

  async #open(userId: string): Promise<string> {
    const known = await chatOf(this.#database, userId)
    if (known !== undefined && (await this.#isOfTwo(known, userId))) return known
    const roomId = await this.#homeserver.createRoom({
      preset: 'private_chat',
      name: 'Webhooks',
      invite: [userId],
      is_direct: true,
    })
    await this.#database.transaction('webhook chat', (tx) => setChat(tx, userId, roomId))
    return roomId
  }

  /** They may have left, or have let others in. */
  async #isOfTwo(roomId: string, userId: string): Promise<boolean> {
    const state = await this.#homeserver.state(roomId).catch(() => [])
    const there = state
      .filter(
        ({ type, content }) => type === 'm.room.member' && ['join', 'invite'].includes(String(content['membership'])),
      )
      .map(({ state_key: key }) => key)
    const isPrivate = state.some(
      ({ type, content }) => type === 'm.room.join_rules' && content['join_rule'] === 'invite',
    )
    return isPrivate && there.toSorted().join(' ') === [userId, this.#homeserver.bot].toSorted().join(' ')
  }
}
