/** Tells addresses of what is said in their rooms: in order for each, until it is taken. */
import { compileGlob } from '../../homeserver/core/glob.ts'
import { logger } from '../../homeserver/platform/log.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import type { Homeserver } from '../appservice/homeserver.ts'
import { Lanes } from '../appservice/lanes.ts'
import type { WebhookParts } from './config.ts'
import { signatureHeaders } from './secrets.ts'
import {
  addDelivery,
  type Delivery,
  firstDelivery,
  noteAttempt,
  removeDeliveries,
  removeDelivery,
  waitingHooks,
} from './store/deliveries.ts'
import { findHook, type Hook, hooksOfRoom, noteFailing, noteUse, setDisabled } from './store/hooks.ts'

const RETRY_MS = 1_000
const LONGEST_WAIT_MS = 3600_000
/** After so long without taking anything an address is told no more. */
const GIVE_UP_MS = 3 * 24 * 3600_000
/** That wait for one address; of more the oldest are dropped. */
const MAX_WAITING = 1_000
const TIMEOUT_MS = 10_000
const log = logger('webhooks')

/** Tells of an address that is gone for good. */
class GoneError extends Error {
  override name = 'GoneError'
}

export class Outgoing {
  readonly #parts: WebhookParts
  readonly #homeserver: Homeserver
  readonly #lanes: Lanes<Delivery>

  constructor(parts: WebhookParts & { homeserver: Homeserver }) {
    this.#parts = parts
    this.#homeserver = parts.homeserver
    const { database, clock } = parts
    this.#lanes = new Lanes<Delivery>(
      {
        name: 'webhooks',
        log,
        tracing: parts.tracing,
        first: (hookId) => firstDelivery(database, hookId),
        work: (delivery) => this.#tell(delivery),
        failed: (delivery, error) => this.#failed(delivery, error),
      },
      clock,
    )
  }

  async start(): Promise<void> {
    for (const hookId of await waitingHooks(this.#parts.database)) this.#lanes.wake(hookId)
  }

  async stop(): Promise<void> {
    await this.#lanes.stop()
  }

  /** Keeps the event for every webhook of its room that it fits. */
  async take(event: MatrixEvent): Promise<void> {
    const { database } = this.#parts
    const hooks = (await hooksOfRoom(database, event.room_id)).filter((hook) => fits(hook, event))
    if (hooks.length === 0) return
    const dropped = await database.transaction('webhook deliveries', async (tx) => {
      let count = 0
      for (const hook of hooks) {
        const delivery = { hookId: hook.hook_id, eventId: event.event_id, body: bodyOf(hook, event) }
        count += await addDelivery(tx, delivery, MAX_WAITING)
      }
      return count
    })
    if (dropped > 0) this.#parts.counted.add(dropped, { direction: 'out', result: 'dropped' })
    for (const { hook_id: hookId } of hooks) this.#lanes.wake(hookId)
  }

  async #tell(delivery: Delivery): Promise<void> {
    const { database, clock, fetch, config } = this.#parts
    const { hook_id: hookId, event_id: eventId, body } = delivery
    const hook = await findHook(database, hookId)
    if (hook?.url && hook.disabled_at === null) {
      const signed = { hookId, id: `${hookId}.${eventId}`, body, seconds: Math.floor(clock.now() / 1000) }
      const headers = { 'content-type': 'application/json', ...signatureHeaders(config.key, signed) }
      const answer = await fetch.stream(hook.url, { method: 'POST', headers, body, timeoutMs: TIMEOUT_MS })
      answer.body.destroy() // nothing in it counts
      if (answer.status === 410) throw new GoneError('it answered that it is gone')
      if (answer.status < 200 || answer.status > 299) throw new Error(`it answered ${answer.status}`)
      this.#count('taken')
    }
    await database.transaction('webhook told', async (tx) => {
      await removeDelivery(tx, delivery)
      await noteUse(tx, hookId, clock.now())
    })
  }

  /** Waits twice as long each time, and gives up after three days, or where the address says so. */
  async #failed(delivery: Delivery, error: unknown): Promise<number | undefined> {
    const { database, clock } = this.#parts
    const { hook_id: hookId, attempts } = delivery
    const now = clock.now()
    await database.transaction('webhook failed', async (tx) => {
      await noteAttempt(tx, delivery)
      await noteFailing(tx, hookId, now)
    })
    const hook = await findHook(database, hookId)
    const isOver = error instanceof GoneError || now - Number(hook?.failing_since ?? now) >= GIVE_UP_MS
    this.#count(isOver ? 'disabled' : 'again')
    log.info({ hookId, isOver, problem: problemOf(error) }, 'webhook not taken')
    if (!isOver || !hook) return Math.min(RETRY_MS * 2 ** attempts, LONGEST_WAIT_MS)
    await database.transaction('webhook disabled', async (tx) => {
      await removeDeliveries(tx, hookId)
      await setDisabled(tx, hookId, now)
    })
    const text = `The webhook ${hook.name} (${hookId}) is told nothing any more: ${problemOf(error)}. !webhook resume ${hookId} begins again.`
    await this.#homeserver.notice(hook.room_id, text, `webhook.disabled.${hookId}.${now}`).catch(() => undefined) // !webhook list tells it too
    return undefined
  }

  #count(result: string): void {
    this.#parts.counted.inc({ direction: 'out', result })
  }
}

/** Without the address, which may be a secret. */
const problemOf = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/https?:\/\/\S+/g, '…') : 'it is not reached'

function fits(hook: Hook, event: MatrixEvent): boolean {
  if (hook.url === null || hook.disabled_at !== null) return false
  const types = (hook.types ?? 'm.room.message').split(',')
  if (!types.some((type) => compileGlob(type, { question: false })(event.type))) return false
  if (hook.pattern === null) return true
  const { body } = event.content
  return typeof body === 'string' && compileGlob(`*${hook.pattern.toLowerCase()}*`)(body.toLowerCase())
}

function bodyOf({ hook_id: id, name }: Hook, event: MatrixEvent): string {
  const { type, event_id, room_id, sender, origin_server_ts, state_key, redacts, content } = event
  const { body } = content
  return JSON.stringify({
    webhook: { id, name },
    room_id,
    text: typeof body === 'string' ? body : null,
    event: {
      type,
      event_id,
      sender,
      origin_server_ts,
      ...(state_key === undefined ? {} : { state_key }),
      ...(redacts === undefined ? {} : { redacts }),
      content,
    },
  })
}
