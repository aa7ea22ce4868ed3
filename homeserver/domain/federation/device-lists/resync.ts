/** Fetches device lists that are stale, again and again until their servers answer; after a restart, too. */
import { randomInt } from 'node:crypto'
import { serverNameOf } from '../../../core/ids.ts'
import type { Clock } from '../../../platform/clock.ts'
import { MatrixError } from '../../../core/errors.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import { logger } from '../../../platform/log.ts'
import type { Counter, Metrics } from '../../../platform/metrics.ts'
import type { Database } from '../../../storage/database.ts'
import {
  listStaleLists,
  listUsersOfRemoteLists,
  nextRetry,
  postponeFetch,
  type RemoteDeviceList,
} from '../../../storage/remote-device-lists.ts'
import { FederationError } from '../federation-error.ts'
import { askDeviceList, type KeyClient } from './ask-keys.ts'
import type { RemoteDeviceLists } from './remote-device-lists.ts'
import type { SharedRooms } from './shared-rooms.ts'

/** Lists fetched at one time. */
const BATCH = 16
const TIMEOUT_MS = 15_000
const FIRST_PAUSE_MS = 10_000
const LONGEST_PAUSE_MS = 60 * 60_000
/** After that nothing is kept of the list: who asks for it next has it fetched. About a day. */
const MAX_FAILURES = 32
const USERS_PER_LOOK = 500

const log = logger('device-lists')

export interface ResyncParts {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly client: KeyClient
  readonly lists: RemoteDeviceLists
  readonly sharedRooms: SharedRooms
}

export class DeviceListResync implements Service {
  readonly name = 'device list resync'
  readonly #parts: ResyncParts
  readonly #fetches: Counter<'result'>
  #running: Promise<void> = Promise.resolve()
  #wake = (): void => undefined
  #isDue = false

  constructor(parts: ResyncParts) {
    this.#parts = parts
    this.#fetches = parts.metrics.counter(
      'device_list_fetches_total',
      'Device lists of other servers that were fetched because an update was missed',
      ['result'],
    )
  }

  start(signal: AbortSignal): Promise<void> {
    this.#running = this.#run(signal)
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    await this.#running
  }

  /** To be called when there may be more that is stale. */
  wake(): void {
    this.#isDue = true
    this.#wake()
  }

  async #run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.wake(), { once: true })
    await this.#guarded(() => this.#forgetDeparted(signal), signal)
    while (!signal.aborted) {
      this.#isDue = false
      const worked = await this.#guarded(() => this.#fetchSome(signal), signal)
      if (worked === 0) await this.#rest()
    }
  }

  /** Users whom we lost sight of while the server stopped. */
  async #forgetDeparted(signal: AbortSignal): Promise<void> {
    const { database, lists, sharedRooms } = this.#parts
    let after = ''
    while (!signal.aborted) {
      const users = await listUsersOfRemoteLists(database, after, USERS_PER_LOOK)
      const last = users.at(-1)
      if (last === undefined) return
      const sharing = await sharedRooms.sharing(users)
      const departed = users.filter((userId) => !sharing.has(userId))
      if (departed.length > 0) await lists.forget(departed)
      after = last
    }
  }

  /** How many were tried. */
  async #fetchSome(signal: AbortSignal): Promise<number> {
    const { database, clock } = this.#parts
    const stale = await listStaleLists(database, clock.now(), BATCH)
    await Promise.all(stale.map((list) => this.#fetch(list, signal)))
    return stale.length
  }

  async #fetch(list: RemoteDeviceList, signal: AbortSignal): Promise<void> {
    const { client, lists, sharedRooms } = this.#parts
    const { userId, version } = list
    try {
      if (!(await sharedRooms.sharing([userId])).has(userId)) return await lists.forget([userId])
      const options = { timeoutMs: TIMEOUT_MS, signal }
      const { keys, streamId } = await askDeviceList(client, serverNameOf(userId), userId, options)
      await lists.keep([{ keys, streamId, begun: { version, isNew: false } }])
      this.#fetches.inc({ result: 'ok' })
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof MatrixError)) throw error
      this.#fetches.inc({ result: 'failed' })
      log.info({ userId, failures: list.failures + 1, reason: error.message }, 'device list not fetched')
      await this.#postpone(list, error)
    }
  }

  async #postpone({ userId, failures }: RemoteDeviceList, error: MatrixError): Promise<void> {
    const { database, clock, lists } = this.#parts
    const isRefused = error instanceof FederationError && [403, 404].includes(error.remote?.status ?? 0)
    if (isRefused || failures + 1 >= MAX_FAILURES) return await lists.forget([userId])
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 20))
    const retryTs = clock.now() + Math.round((pause * (80 + randomInt(41))) / 100)
    await database.transaction('postpone device list', (tx) => postponeFetch(tx, userId, failures + 1, retryTs))
  }

  /** Until somebody wakes us or a list may be tried again. */
  async #rest(): Promise<void> {
    const { database, clock } = this.#parts
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const next = await nextRetry(database)
    const cancel = clock.after(Math.max(0, Math.min((next ?? Infinity) - clock.now(), LONGEST_PAUSE_MS)), resolve)
    if (this.#isDue) resolve()
    await promise
    cancel()
  }

  /** Undefined if the work failed. */
  async #guarded<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (!signal.aborted) log.error({ error }, 'device lists not looked after')
      return undefined
    }
  }
}
