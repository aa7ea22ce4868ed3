/** The music of one room: what plays, what waits, and the process that plays it in the call. */
import { logger } from '../../homeserver/platform/log.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { ALONE_MS, MAX_QUEUE, type MusicParts } from './config.ts'
import type { Call } from './call.ts'
import type { Piece } from './files.ts'
import type { FromPlayer } from './messages.ts'
import { Player } from './player.ts'

const log = logger('music')

/** Why the music is over. */
export type Ending = 'stopped' | 'alone' | 'lost' | undefined

export interface RoomMusicParts extends MusicParts {
  readonly call: Call
  /** What people in the room are to know: it plays, or could not be played. */
  readonly tell: (what: 'playing' | 'failed', piece: Piece) => void
  /** Called once, when the bot has left the call. */
  readonly over: (why: Ending) => void
}

export class RoomMusic {
  readonly #parts: RoomMusicParts
  readonly #clock: Clock
  readonly #waiting: Piece[] = []
  #player: Player | undefined
  #current: Piece | undefined
  #isPaused = false
  #wasSkipped = false
  #cancelAlone: (() => void) | undefined
  #ending: Promise<void> | undefined

  constructor(parts: RoomMusicParts) {
    this.#parts = parts
    this.#clock = parts.clock
  }

  get current(): Piece | undefined {
    return this.#current
  }

  get waiting(): readonly Piece[] {
    return this.#waiting
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  get isFull(): boolean {
    return this.#waiting.length >= MAX_QUEUE
  }

  get isOver(): boolean {
    return this.#ending !== undefined
  }

  /** Joins the call. Throws `NoCallError`, and what the homeserver does not answer. */
  async start(): Promise<void> {
    const { call, config } = this.#parts
    const { url, jwt } = await call.join().catch(async (error: unknown) => {
      await call.leave()
      throw error
    })
    this.#player = new Player({
      heard: (message) => this.#heard(message),
      ended: (said) => {
        if (!this.isOver && said !== '') log.warn({ said }, 'the process that plays has ended')
        void this.end('lost')
      },
    })
    this.#player.tell({ do: 'join', url, jwt, ffmpeg: config.ffmpeg })
    this.#look(0)
  }

  /** Its place in the queue: 0 plays. */
  add(piece: Piece): number {
    this.#waiting.push(piece)
    if (this.#current) return this.#waiting.length
    this.#next()
    return 0
  }

  skip(): void {
    this.#wasSkipped = true
    this.#isPaused = false
    this.#player?.tell({ do: 'stop' })
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#player?.tell({ do: isPaused ? 'pause' : 'resume' })
  }

  /** Of 100. */
  setVolume(value: number): void {
    this.#player?.tell({ do: 'volume', value })
  }

  /** Leaves the call. Does nothing the second time but wait. */
  async end(why: Ending): Promise<void> {
    this.#ending ??= this.#end(why)
    await this.#ending
  }

  async #end(why: Ending): Promise<void> {
    this.#cancelAlone?.()
    await this.#player?.stop()
    await this.#parts.call.leave().catch((error: unknown) => log.warn({ error }, 'the call was not left'))
    const pieces = [...(this.#current ? [this.#current] : []), ...this.#waiting.splice(0)]
    for (const piece of pieces) await piece[Symbol.asyncDispose]()
    this.#current = undefined
    this.#parts.over(why)
  }

  #heard(message: FromPlayer): void {
    if (message.did === 'look') this.#look(message.others)
    else if (message.did === 'leave') void this.end('lost')
    else if (message.did === 'end') this.#ended(message.problem)
  }

  #ended(problem: string | undefined): void {
    const piece = this.#current
    if (!piece) return
    this.#current = undefined
    this.#parts.played.inc({ result: problem !== undefined ? 'failed' : this.#wasSkipped ? 'skipped' : 'ended' })
    this.#wasSkipped = false
    if (problem !== undefined) {
      log.info({ problem }, 'a file was not played')
      this.#parts.tell('failed', piece)
    }
    void piece[Symbol.asyncDispose]()
    this.#next()
  }

  #next(): void {
    if (this.isOver) return
    this.#current = this.#waiting.shift()
    if (!this.#current) return void this.end(undefined)
    this.#player?.tell({ do: 'play', track: { path: this.#current.path, kind: this.#current.kind } })
    this.#parts.tell('playing', this.#current)
  }

  #look(others: number): void {
    if (others > 0) {
      this.#cancelAlone?.()
      this.#cancelAlone = undefined
    } else if (!this.isOver) {
      this.#cancelAlone ??= this.#clock.after(ALONE_MS, () => void this.end('alone'))
    }
  }
}
