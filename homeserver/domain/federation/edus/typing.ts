/** Who is typing, told to and by other servers. https://spec.matrix.org/v1.19/server-server-api/#typing-notifications */
import { isRoomId, type RoomId, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import type { Cancel, Clock } from '../../../platform/clock.ts'
import type { Background, Service } from '../../../platform/lifecycle.ts'
import type { Typing, TypingNews } from '../../ephemeral/typing.ts'
import type { Members } from '../../rooms/members.ts'
import type { Outbox } from '../outbox.ts'
import type { Edu, EduReceiver } from '../receive/edu-receiver.ts'
import type { RoomServers } from '../room-servers.ts'
import type { EduGate } from './edu-gate.ts'

export interface TypingEdusParts {
  readonly bus: Bus
  readonly clock: Clock
  readonly background: Background
  readonly members: Members
  readonly roomServers: RoomServers
  readonly typing: Typing
  readonly gate: EduGate
  readonly outbox: Outbox
}

/** So long somebody types of whom nothing more is heard. */
const REMOTE_MS = 60_000
/** Other servers forget who types, so it is told again. */
const AGAIN_MS = 40_000

export class TypingEdus implements EduReceiver, Service {
  readonly name = 'typing of other servers'
  readonly #parts: TypingEdusParts
  /** Our users who type where others can see it. */
  readonly #typers = new Map<string, Cancel>()
  #leave: (() => void) | undefined

  constructor(parts: TypingEdusParts) {
    this.#parts = parts
  }

  start(): Promise<void> {
    const { bus, background, members } = this.#parts
    this.#leave = bus.subscribe(({ stream, payload }) => {
      const news = stream === 'typing' ? (payload as TypingNews | undefined) : undefined // only typing.ts rings this stream
      if (news && members.isLocal(news.userId)) background.run('tell who types', () => this.#tell(news))
    })
    return Promise.resolve()
  }

  stop(): Promise<void> {
    this.#leave?.()
    for (const cancel of this.#typers.values()) cancel()
    return Promise.resolve()
  }

  async receive(origin: ServerName, { content }: Edu): Promise<void> {
    const { gate, typing } = this.#parts
    const { room_id: roomId, user_id: userId, typing: isTyping } = content
    if (!isRoomId(roomId) || !(await gate.admits(origin, roomId, userId))) return
    const typer = userId as UserId // the gate has seen that it is one
    if (isTyping === true) await typing.begin(roomId, typer, REMOTE_MS)
    else typing.end(roomId, typer)
  }

  async #tell({ roomId, userId }: TypingNews): Promise<void> {
    const { roomServers, typing, clock, outbox } = this.#parts
    const servers = await roomServers.serversIn(roomId)
    const key = `${roomId} ${userId}`
    this.#typers.get(key)?.()
    this.#typers.delete(key)
    if (servers.size < 2) return
    const isTyping = typing.isTyping(roomId, userId)
    outbox.passEdu(servers, { type: 'm.typing', content: { room_id: roomId, user_id: userId, typing: isTyping } }, key)
    if (isTyping)
      this.#typers.set(
        key,
        clock.after(AGAIN_MS, () => this.#again({ roomId, userId, typing: true })),
      )
  }

  #again(news: { readonly roomId: RoomId; readonly userId: UserId; readonly typing: true }): void {
    this.#parts.background.run('tell who types', () => this.#tell(news))
  }
}
