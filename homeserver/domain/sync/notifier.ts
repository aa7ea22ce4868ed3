/**
 * Knows whom the news of streams concern: wakes long polls for these alone, and answers "anything since?" from memory.
 */
import type { RoomId, UserId } from '../../core/ids.ts'
import { type StreamName, streamNames } from '../../core/token.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import type { Positions, Streams } from '../../storage/streams.ts'
import type { Members } from '../rooms/members.ts'
import { ChangeLog } from './change-log.ts'

interface Waiter {
  readonly userId: UserId
  readonly wake: () => void
}

export interface WaitOptions {
  readonly userId: UserId
  /** What the user knows. */
  readonly since: Positions
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Long polls that go on in one turn of the event loop; the next wait for the next turn. */
const WAKES_PER_TURN = 32

export class Notifier {
  readonly #streams: Streams
  readonly #members: Members
  readonly #clock: Clock
  readonly #rooms: Readonly<Record<StreamName, ChangeLog>>
  readonly #users: Readonly<Record<StreamName, ChangeLog>>
  readonly #waiters = new Map<UserId, Set<Waiter>>()
  #woken = new Set<Waiter>()

  constructor({ bus, streams, members, clock }: { bus: Bus; streams: Streams; members: Members; clock: Clock }) {
    this.#streams = streams
    this.#members = members
    this.#clock = clock
    const positions = streams.positions()
    const logs = (): Record<StreamName, ChangeLog> =>
      // One for each name there is.
      Object.fromEntries(streamNames.map((name) => [name, new ChangeLog(positions[name])])) as Record<
        StreamName,
        ChangeLog
      >
    this.#rooms = logs()
    this.#users = logs()
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** How many long polls wait. */
  get waiting(): number {
    let count = 0
    for (const waiters of this.#waiters.values()) count += waiters.size
    return count
  }

  /** The rooms that a stream touched since; undefined where memory does not reach back. */
  roomsChanged(stream: StreamName, since: number): RoomId[] | undefined {
    return this.#rooms[stream].changedSince(since) as RoomId[] | undefined // keys are ids
  }

  /** False only if the stream did not touch the room since. */
  roomChanged(stream: StreamName, roomId: RoomId, since: number): boolean {
    return this.#rooms[stream].hasChanged(roomId, since)
  }

  /** False only if the stream brought nothing for the user himself since; what concerns his rooms is not looked at. */
  userChanged(stream: StreamName, userId: UserId, since: number): boolean {
    return this.#users[stream].hasChanged(userId, since)
  }

  /** False only if the stream brought nothing since, neither for the user nor for a room he is joined to. */
  concerns(stream: StreamName, userId: UserId, rooms: ReadonlyMap<RoomId, MembershipRow>, since: number): boolean {
    if (this.#streams.position(stream) <= since) return false
    if (this.userChanged(stream, userId, since)) return true
    const changed = this.roomsChanged(stream, since)
    return !changed || changed.some((roomId) => rooms.get(roomId)?.membership === 'join')
  }

  /** Whether there may be anything for the user since. */
  hasNews(userId: UserId, rooms: ReadonlyMap<RoomId, MembershipRow>, since: Positions): boolean {
    return streamNames.some((stream) => this.concerns(stream, userId, rooms, since[stream]))
  }

  /**
   * Resolves to true at once or as soon as there may be news for the user, to false when the time is up. Rejects with the
   * reason of `signal` when it is aborted.
   */
  async wait({ userId, since, timeoutMs, signal }: WaitOptions): Promise<boolean> {
    const rooms = this.#members.peekRooms(userId) ?? (await this.#members.roomsOf(userId))
    signal.throwIfAborted()
    if (this.hasNews(userId, rooms, since)) return true
    if (timeoutMs <= 0) return false
    return await new Promise<boolean>((resolve, reject) => {
      const leave = (): void => {
        this.#remove(waiter)
        cancel()
        signal.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter = {
        userId,
        wake: () => {
          leave()
          resolve(true)
        },
      }
      const onAbort = (): void => {
        leave()
        reject(signal.reason as Error)
      }
      const cancel = this.#clock.after(timeoutMs, () => {
        leave()
        resolve(false)
      })
      signal.addEventListener('abort', onAbort, { once: true })
      this.#add(waiter)
    })
  }

  #add(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.userId)
    if (waiters) waiters.add(waiter)
    else this.#waiters.set(waiter.userId, new Set([waiter]))
  }

  #remove(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.userId)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#waiters.delete(waiter.userId)
    this.#woken.delete(waiter)
  }

  #heard({ stream, position, keys }: Bell): void {
    if (!(stream in this.#rooms)) return
    const name = stream as StreamName // the line above looked
    for (const userId of keys.users ?? []) {
      this.#users[name].record(userId, position)
      this.#wakeUser(userId as UserId)
    }
    for (const roomId of keys.rooms ?? []) {
      this.#rooms[name].record(roomId, position)
      this.#wakeRoom(roomId as RoomId)
    }
  }

  #wakeRoom(roomId: RoomId): void {
    if (this.#waiters.size === 0) return
    const joined = this.#members.peekJoined(roomId)
    if (!joined) {
      // If they cannot be read, whoever waits is woken by his timeout.
      void this.#members.joined(roomId).then(
        (members) => this.#wakeMembers(members),
        () => undefined,
      )
      return
    }
    this.#wakeMembers(joined)
  }

  #wakeMembers(members: ReadonlyMap<UserId, unknown>): void {
    if (members.size < this.#waiters.size) for (const userId of members.keys()) this.#wakeUser(userId)
    else for (const userId of this.#waiters.keys()) if (members.has(userId)) this.#wakeUser(userId)
  }

  #wakeUser(userId: UserId): void {
    for (const waiter of this.#waiters.get(userId) ?? []) {
      if (this.#woken.size === 0) setImmediate(() => this.#drain())
      this.#woken.add(waiter)
    }
  }

  /** Not all at once: a room of thousands must not stop the event loop. Whoever is woken later sees later news, too. */
  #drain(): void {
    let turn = 0
    for (const waiter of this.#woken) {
      if (turn++ === WAKES_PER_TURN) break
      waiter.wake()
    }
    if (this.#woken.size > 0) setImmediate(() => this.#drain())
  }
}
