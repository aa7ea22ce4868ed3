/** Who of those the user knows came, went or said something about himself. https://spec.matrix.org/v1.19/client-server-api/#presence */
import type { UserId } from '../../../core/ids.ts'
import type { PresenceRow } from '../../../storage/presence.ts'
import type { Presence } from '../../ephemeral/presence.ts'
import { sinceOf, type Span } from '../span.ts'

export type PresenceReader = Pick<Presence, 'listSince' | 'listPresent' | 'contentOf'>

export class PresenceSection {
  readonly #presence: PresenceReader

  constructor({ presence }: { presence: PresenceReader }) {
    this.#presence = presence
  }

  /** Texts of events. `met` are those with whom the user came to share a room. */
  async texts(span: Span, hasNews: boolean, met: readonly UserId[]): Promise<readonly string[]> {
    const { who, upto, filter } = span
    const [changed, present] = await Promise.all([
      hasNews ? this.#presence.listSince(who.userId, sinceOf(span, 'presence'), upto.presence) : [],
      met.length > 0 ? this.#presence.listPresent(met) : [],
    ])
    const rows = new Map<UserId, PresenceRow>([...present, ...changed].map((row) => [row.user_id, row]))
    return [...rows.values()]
      .filter(({ user_id: sender }) => filter.presence.passes({ type: 'm.presence', sender }))
      .map((row) => {
        const content = JSON.stringify(this.#presence.contentOf(row))
        return `{"content":${content},"sender":${JSON.stringify(row.user_id)},"type":"m.presence"}`
      })
  }
}
