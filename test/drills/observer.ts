/** A client that reads by incremental sync alone, keeps its token through all deaths of the server, and notes what it saw. */
import type { Client } from '../support/client.ts'
import type { StubbornClient } from './stubborn-client.ts'
import { inRoom } from './writer.ts'

interface SeenEvent {
  readonly event_id: string
}

interface Timeline {
  readonly events?: readonly SeenEvent[]
  readonly limited?: boolean
  readonly prev_batch?: string
}

/** Few, so that timelines have gaps. */
const filter = JSON.stringify({ room: { timeline: { limit: 3 } } })

export class Observer {
  /** Events of timelines, in the order of their arrival, and of the gaps that timelines left. */
  readonly seen = new Set<string>()
  /** Marks of messages to the device, with how often each came. */
  readonly received = new Map<string, number>()
  /** Events that came twice by sync. */
  repeated = 0
  /** Syncs whose timeline left something out, which was read from the room. */
  gaps = 0
  /** Syncs that refused a token the server had given. */
  refused = 0
  readonly #client: StubbornClient
  #since: string | undefined

  constructor(client: StubbornClient) {
    this.#client = client
  }

  /** Reads until the signal is aborted. */
  async readUntil(stopped: AbortSignal): Promise<void> {
    await this.readWhile(() => !stopped.aborted)
  }

  /** Reads until `goesOn` says no. */
  async readWhile(goesOn: () => boolean): Promise<void> {
    while (goesOn()) await this.#sync(500)
  }

  /** Reads what there is, until there is nothing. */
  async readToEnd(): Promise<void> {
    while ((await this.#sync(0)) > 0);
  }

  /** Number of things that came. */
  async #sync(timeout: number): Promise<number> {
    const query = new URLSearchParams({ filter, timeout: String(timeout) })
    if (this.#since !== undefined) query.set('since', this.#since)
    const { status, body } = await this.#client.request('GET', `/sync?${query.toString()}`)
    if (status !== 200) {
      this.refused++
      this.#since = undefined
      return 1
    }
    const joined = Object.entries((body['rooms'] as { join?: Record<string, { timeline?: Timeline }> })?.join ?? {})
    let news = 0
    for (const [roomId, { timeline = {} }] of joined) news += await this.#readTimeline(roomId, timeline)
    const messages = (body['to_device'] as { events?: { content: { mark: string } }[] } | undefined)?.events ?? []
    for (const { content } of messages) this.received.set(content.mark, (this.received.get(content.mark) ?? 0) + 1)
    this.#since = body['next_batch'] as string
    return news + messages.length
  }

  async #readTimeline(roomId: string, { events = [], limited, prev_batch: from }: Timeline): Promise<number> {
    for (const { event_id: id } of events) {
      if (this.seen.has(id)) this.repeated++
    }
    if (limited) {
      this.gaps++
      await this.#fillGap(roomId, from)
    }
    for (const { event_id: id } of events) this.seen.add(id)
    return events.length
  }

  /** Back from a token to what is known already. */
  async #fillGap(roomId: string, from: string | undefined): Promise<void> {
    for await (const chunk of pagesBack(this.#client, roomId, from)) {
      const news = chunk.filter(({ event_id: id }) => !this.seen.has(id))
      for (const { event_id: id } of news) this.seen.add(id)
      if (news.length < chunk.length) return
    }
  }
}

/** Pages of a room's history, newest first, from a token or the end. */
export async function* pagesBack<Event extends SeenEvent>(
  client: Client,
  roomId: string,
  from?: string,
): AsyncGenerator<readonly Event[]> {
  let token = from
  do {
    const at = token === undefined ? '' : `&from=${encodeURIComponent(token)}`
    const page = await client.get(inRoom(roomId, `messages?dir=b&limit=200${at}`))
    yield page['chunk'] as Event[]
    token = page['end'] as string | undefined
  } while (token !== undefined)
}
