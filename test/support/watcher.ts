/** A client that syncs and remembers what it was told. */
import type { Client } from './client.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const POLL_MS = 10_000
const FILTER = '{"room":{"timeline":{"limit":1000}}}'

export class Watcher {
  readonly client: Client
  /** By id; events that were told twice are there once. */
  readonly events = new Map<string, Json>()
  /** By room. */
  readonly invited = new Map<string, Json>()
  readonly joined = new Set<string>()
  readonly left = new Set<string>()
  /** Typing and receipts. */
  readonly ephemeral: Json[] = []
  readonly toDevice: Json[] = []
  readonly presence: Json[] = []
  /** Users whose devices have changed. */
  readonly changed = new Set<string>()
  #since: string | undefined

  constructor(client: Client) {
    this.client = client
  }

  /** What `look` finds, as soon as that is something; in between it syncs. */
  async until<T>(look: (watcher: this) => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look(this)
      if (found !== undefined && found !== false) return found
      await this.sync()
    }
  }

  /** Resolves with the event. */
  async sees(eventId: string): Promise<Json> {
    return await this.until(({ events }) => events.get(eventId))
  }

  /** Resolves with the event that gives the user that membership. */
  async seesMember(roomId: string, userId: string, membership: string): Promise<Json> {
    return await this.until(({ events }) =>
      [...events.values()].find(
        (event) => event.room_id === roomId && event.state_key === userId && event.content.membership === membership,
      ),
    )
  }

  async sync(timeoutMs = POLL_MS): Promise<void> {
    const since: Record<string, string> = this.#since === undefined ? {} : { since: this.#since }
    const body = await this.client.sync({ ...since, timeout: timeoutMs, filter: FILTER })
    this.#since = body['next_batch']
    const { join = {}, invite = {}, leave = {} } = body['rooms'] ?? {}
    for (const [roomId, room] of Object.entries<Json>(invite)) this.invited.set(roomId, room)
    for (const [roomId, room] of Object.entries<Json>({ ...join, ...leave })) {
      const isJoined = roomId in join
      this.joined[isJoined ? 'add' : 'delete'](roomId)
      this.left[isJoined ? 'delete' : 'add'](roomId)
      this.invited.delete(roomId)
      for (const event of [...(room['state']?.events ?? []), ...(room['timeline']?.events ?? [])]) {
        this.events.set(event.event_id, { ...event, room_id: roomId })
      }
      for (const event of room['ephemeral']?.events ?? []) this.ephemeral.push({ ...event, room_id: roomId })
    }
    this.toDevice.push(...(body['to_device']?.events ?? []))
    this.presence.push(...(body['presence']?.events ?? []))
    for (const userId of body['device_lists']?.changed ?? []) this.changed.add(userId)
  }
}
