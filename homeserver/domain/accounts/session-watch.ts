/** Ends what a session has running when the session ends: a long poll must not outlive a logout (T74). */
import { unknownToken } from '../../core/errors.ts'
import type { Requester } from './requester.ts'
import type { SessionChange, SessionNews } from './session-news.ts'
import { userLocked } from './sessions.ts'

interface Watched {
  readonly who: Requester
  readonly abort: AbortController
}

export interface WatchedSession extends Disposable {
  /** Aborted with `M_UNKNOWN_TOKEN` or `M_USER_LOCKED` when the session ends, and as the given signal is. */
  readonly signal: AbortSignal
}

export class SessionWatch {
  readonly #watched = new Map<string, Set<Watched>>()

  constructor({ news }: { news: SessionNews }) {
    news.subscribe(({ userId, ended, how }) => {
      for (const { who, abort } of this.#watched.get(userId) ?? []) {
        const isOver = ended === 'all' || (who.deviceId !== undefined && ended.includes(who.deviceId))
        if (isOver) abort.abort(reasonOf(how))
      }
    })
  }

  /** `using session = watch.begin(who, signal)`: to be disposed when the work is done. */
  begin(who: Requester, signal: AbortSignal): WatchedSession {
    const abort = new AbortController()
    const watched = { who, abort }
    const ofUser = this.#watched.get(who.userId) ?? new Set()
    this.#watched.set(who.userId, ofUser.add(watched))
    const forward = (): void => abort.abort(signal.reason)
    if (signal.aborted) forward()
    else signal.addEventListener('abort', forward, { once: true })
    return {
      signal: abort.signal,
      [Symbol.dispose]: () => {
        signal.removeEventListener('abort', forward)
        ofUser.delete(watched)
        if (ofUser.size === 0) this.#watched.delete(who.userId)
      },
    }
  }
}

/** What the next request of the session would be told as well. */
function reasonOf(how: SessionChange['how']) {
  return how === 'locked' ? userLocked() : unknownToken({ soft: how === 'expired' })
}
