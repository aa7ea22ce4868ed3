/** Which threads the user follows. https://github.com/matrix-org/matrix-spec-proposals/pull/4308 */
import {
  formatSubscriptionsPlace,
  subscriptionsByRoom,
  type ThreadSubscriptions,
} from '../../../rooms/thread-subscriptions.ts'
import type { Notifier } from '../../notifier.ts'
import { sinceOf } from '../../span.ts'
import { type Extension, type ExtensionAnswer, nothingToSay, type Scene } from './extension.ts'

export interface ThreadSubscriptionsParts {
  readonly notifier: Notifier
  readonly threadSubscriptions: Pick<ThreadSubscriptions, 'list'>
}

const maxChanges = 500

export class ThreadSubscriptionsExtension implements Extension {
  readonly name = 'io.element.msc4308.thread_subscriptions'
  readonly #parts: ThreadSubscriptionsParts

  constructor(parts: ThreadSubscriptionsParts) {
    this.#parts = parts
  }

  /** The latest changes; those that do not fit are had from a place on that the client is told. */
  async answer({ span, request }: Scene): Promise<ExtensionAnswer> {
    const asked = request.extensions.thread_subscriptions
    const [after, upto] = [sinceOf(span, 'thread_subscriptions'), span.upto.thread_subscriptions]
    const { notifier, threadSubscriptions } = this.#parts
    if (!asked?.enabled || !notifier.userChanged('thread_subscriptions', span.who.userId, after)) return nothingToSay
    const limit = Math.min(asked.limit, maxChanges)
    const rows = await threadSubscriptions.list(span.who.userId, { after, upto, limit: limit + 1 })
    if (rows.length === 0) return nothingToSay
    const told = rows.slice(0, limit)
    const last = rows.length > limit ? told.at(-1)?.stream_id : undefined
    const more = last === undefined ? {} : { prev_batch: formatSubscriptionsPlace(last - 1) }
    return { text: JSON.stringify({ ...subscriptionsByRoom(told), ...more }), hasNews: true }
  }
}
