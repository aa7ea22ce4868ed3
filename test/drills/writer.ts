/** A client that never stops writing, one thing after the other, and notes what was acknowledged. */
import { randomInt } from 'node:crypto'
import type { Ledger } from './ledger.ts'
import type { StubbornClient } from './stubborn-client.ts'

export interface WriterParts {
  readonly client: StubbornClient
  readonly ledger: Ledger
  readonly rooms: readonly string[]
  /** A room that writers leave and join all the time. */
  readonly lobby: string
  /** Who gets messages to devices. */
  readonly observer: string
}

/** Type of the state events of writers. */
export const STATE_TYPE = 'test.drill.state'

export const inRoom = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`

/** Writes until the signal is aborted; what has begun by then is brought to its end. */
export async function writeUntil(stopped: AbortSignal, parts: WriterParts): Promise<void> {
  const writer = new Writer(parts)
  while (!stopped.aborted) await writer.writeSomething()
}

class Writer {
  readonly #parts: WriterParts
  /** Own messages that nothing has redacted. */
  readonly #sent: { roomId: string; eventId: string }[] = []
  #count = 0

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  /** Mostly a message, sometimes one of the rarer things. */
  async writeSomething(): Promise<void> {
    const { client, rooms } = this.#parts
    const mark = `${client.userId} ${++this.#count}`
    const roomId = rooms[randomInt(rooms.length)] ?? ''
    const chance = randomInt(100)
    if (chance < 10) return await this.#setState(roomId, mark)
    if (chance < 20) return await this.#redact(mark)
    if (chance < 30) return await this.#sendToDevice(mark)
    if (chance < 35) return await this.#moveInLobby()
    await this.#send(roomId, mark)
  }

  async #send(roomId: string, mark: string): Promise<void> {
    const { client, ledger } = this.#parts
    const content = { msgtype: 'm.text', body: mark, mark }
    const body = await client.put(inRoom(roomId, `send/m.room.message/${encodeURIComponent(mark)}`), content)
    const eventId = body['event_id'] as string
    ledger.events.set(mark, { roomId, eventId })
    this.#sent.push({ roomId, eventId })
  }

  async #setState(roomId: string, mark: string): Promise<void> {
    const { client, ledger } = this.#parts
    const stateKey = client.userId // so that only its writer changes it
    const eventId = await client.setState(roomId, STATE_TYPE, { mark }, stateKey)
    ledger.events.set(mark, { roomId, eventId })
    ledger.state.set(`${roomId} ${stateKey}`, { roomId, stateKey, mark })
  }

  async #redact(mark: string): Promise<void> {
    const { client, ledger } = this.#parts
    const target = this.#sent.splice(randomInt(Math.max(1, this.#sent.length)), 1)[0]
    if (!target) return
    const path = `redact/${encodeURIComponent(target.eventId)}/${encodeURIComponent(mark)}`
    const body = await client.put(inRoom(target.roomId, path), { reason: mark })
    ledger.redactions.set(target.eventId, body['event_id'] as string)
  }

  async #sendToDevice(mark: string): Promise<void> {
    const { client, ledger, observer } = this.#parts
    const messages = { [observer]: { '*': { mark } } }
    await client.put(`/sendToDevice/test.drill.message/${encodeURIComponent(mark)}`, { messages })
    ledger.toDevice.add(mark)
  }

  /** A repeated request is refused if the first one was carried out and its answer lost. */
  async #moveInLobby(): Promise<void> {
    const { client, ledger, lobby } = this.#parts
    const wanted = ledger.memberships.get(client.userId) === 'join' ? 'leave' : 'join'
    const before = client.retries
    const { status, body } = await client.request('POST', inRoom(lobby, wanted), {})
    if (status !== 200 && client.retries === before) throw new Error(`${wanted}: ${status} ${JSON.stringify(body)}`)
    ledger.memberships.set(client.userId, wanted)
  }
}
