/** The delivery queues of everybody who has pushers. */
import type { UserId } from '../../core/ids.ts'
import { logger } from '../../platform/log.ts'
import type { Database } from '../../storage/database.ts'
import { isAtWork, listPushers, type Pusher } from '../../storage/pushers.ts'
import type { PushQueue } from './push-queue.ts'

type Queues = readonly PushQueue[]

/** Users whose queues stay in memory although nothing waits in them. */
const MAX_IDLE = 5_000
const none: Queues = []

const log = logger('push')

export class UserQueues {
  readonly #database: Database
  readonly #open: (pusher: Pusher) => PushQueue
  /** Everybody with a pusher at work. */
  readonly #users = new Set<UserId>()
  /** Of those who were told something lately. */
  readonly #queues = new Map<UserId, Promise<Queues>>()

  /** `open` makes the queue of a pusher. */
  constructor({ database, open }: { database: Database; open: (pusher: Pusher) => PushQueue }) {
    this.#database = database
    this.#open = open
  }

  get isEmpty(): boolean {
    return this.#users.size === 0
  }

  has(userId: UserId): boolean {
    return this.#users.has(userId)
  }

  add(userIds: Iterable<UserId>): void {
    for (const userId of userIds) this.#users.add(userId)
  }

  /** One for each pusher at work. */
  of(userId: UserId): Promise<Queues> {
    return this.#queues.get(userId) ?? this.reload(userId)
  }

  /** Brings the queues of a user in step with his pushers as they are in the table. */
  reload(userId: UserId): Promise<Queues> {
    this.#users.add(userId)
    const before = this.#queues.get(userId)
    const queues = this.#read(userId, before).catch((error: unknown) => {
      log.error({ userId, error }, 'pushers could not be read')
      if (before) return before
      this.#forget(userId, queues)
      return none
    })
    this.#queues.set(userId, queues)
    void queues.then(({ length }) => {
      if (length === 0 && this.#forget(userId, queues)) this.#users.delete(userId)
    })
    return queues
  }

  /** The place in the events stream up to which all were told that do not keep a place of their own, `upto` or less. */
  async told(upto: number): Promise<number> {
    let told = upto
    for (const queues of this.#queues.values()) {
      for (const queue of await queues) told = Math.min(told, queue.told ?? told)
    }
    return told
  }

  /** Forgets queues in which nothing waits, if there are many. */
  async tidy(): Promise<void> {
    for (const [userId, promise] of this.#queues) {
      if (this.#queues.size <= MAX_IDLE) return
      const queues = await promise
      if (queues.every((queue) => queue.isIdle)) this.#forget(userId, promise)
    }
  }

  /** Resolves when nothing is on its way any more. */
  async close(): Promise<void> {
    const queues = await Promise.all(this.#queues.values())
    await Promise.all(queues.flat().map((queue) => queue.close()))
  }

  async #read(userId: UserId, before: Promise<Queues> | undefined): Promise<Queues> {
    const old = (await before) ?? none
    const pushers = (await listPushers(this.#database, userId)).filter(isAtWork)
    for (const queue of old) if (!pushers.some(({ id }) => id === queue.id)) void queue.close()
    return pushers.map((pusher) => {
      const known = old.find(({ id }) => id === pusher.id)
      known?.renew(pusher)
      return known ?? this.#open(pusher)
    })
  }

  /** False if there are other queues of the user by now. */
  #forget(userId: UserId, queues: Promise<Queues>): boolean {
    return this.#queues.get(userId) === queues && this.#queues.delete(userId)
  }
}
