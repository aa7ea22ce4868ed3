/** The music bot: an application service that plays sound files of a room in the room's call. */
import { logger } from '../../homeserver/platform/log.ts'
import type { MatrixEvent } from '../appservice/event.ts'
import { Homeserver, RefusedError } from '../appservice/homeserver.ts'
import { stringOf } from '../appservice/json.ts'
import { Listener } from '../appservice/listener.ts'
import { isEncrypted, mayJoinCall } from './access.ts'
import { Call, NoCallError } from './call.ts'
import { MAX_ROOMS, type MusicParts } from './config.ts'
import { Files, NoFileError } from './files.ts'
import { RoomMusic } from './room-music.ts'
import { type Asked, askedIn, type Language, type Texts, textsIn } from './texts.ts'

const log = logger('music')

/** What was said while the bot was away is over. */
const MAX_AGE_MS = 60_000
/** Of one room, that wait for those before them. */
const MAX_COMMANDS = 20

interface Lane {
  readonly last: Promise<void>
  readonly length: number
}

export class MusicBot {
  readonly #parts: MusicParts
  readonly #homeserver: Homeserver
  readonly #files: Files
  readonly #listener: Listener
  readonly #rooms = new Map<string, RoomMusic>()
  /** The language in which the bot was asked last, of rooms with music. */
  readonly #languages = new Map<string, Language>()
  readonly #lanes = new Map<string, Lane>()
  #notices = 0

  private constructor(parts: MusicParts) {
    const { config } = parts
    this.#parts = parts
    this.#homeserver = new Homeserver(config)
    this.#files = new Files({ config, homeserver: this.#homeserver })
    this.#listener = new Listener({
      hsToken: config.registration.hs_token,
      listen: { path: config.socket },
      log,
      take: (events) => Promise.resolve(this.#take(events)),
    })
  }

  /** Rejects where the homeserver is not there; nothing runs then. */
  static async start(parts: MusicParts): Promise<MusicBot> {
    const bot = new MusicBot(parts)
    const { bot: userId } = bot.#homeserver
    await bot.#homeserver.setName('Music')
    await bot.#files.open()
    await bot.#listener.start()
    log.info({ bot: userId, ffmpeg: parts.config.ffmpeg !== undefined }, 'music bot at work')
    return bot
  }

  /** It leaves all calls. */
  async stop(): Promise<void> {
    await this.#listener.stop()
    await Promise.all([...this.#rooms.values()].map((music) => music.end(undefined)))
  }

  /** Nothing waits for what follows: who asks in another room is answered meanwhile. */
  #take(events: readonly MatrixEvent[]): void {
    const now = this.#parts.clock.now()
    for (const event of events) {
      if (event.sender === this.#homeserver.bot || event.origin_server_ts < now - MAX_AGE_MS) continue
      const { last, length } = this.#lanes.get(event.room_id) ?? { last: Promise.resolve(), length: 0 }
      if (length >= MAX_COMMANDS) continue
      const next = last.then(() => this.#handle(event)).finally(() => this.#leaveLane(event.room_id))
      this.#lanes.set(event.room_id, { last: next, length: length + 1 })
    }
  }

  #leaveLane(roomId: string): void {
    const lane = this.#lanes.get(roomId)
    if (lane && lane.length > 1) this.#lanes.set(roomId, { ...lane, length: lane.length - 1 })
    else this.#lanes.delete(roomId)
  }

  async #handle(event: MatrixEvent): Promise<void> {
    try {
      if (event.type === 'm.room.member' && event.state_key === this.#homeserver.bot) await this.#membership(event)
      else if (event.type === 'm.room.encryption') await this.#refuseEncryption(event.room_id, 'en')
      else if (event.type === 'm.room.message') await this.#message(event)
    } catch (error) {
      log.warn({ roomId: event.room_id, error }, 'a command failed')
    }
  }

  /** The bot comes where people of this server call it. */
  async #membership({ sender, room_id: roomId, content: { membership } }: MatrixEvent): Promise<void> {
    if (membership === 'leave' || membership === 'ban') await this.#rooms.get(roomId)?.end(undefined)
    if (membership !== 'invite') return
    const isWelcome = this.#homeserver.isLocal(sender)
    await this.#homeserver.member(this.#homeserver.bot, roomId, isWelcome ? 'join' : 'leave')
    if (!isWelcome) return
    if (isEncrypted(await this.#homeserver.state(roomId))) await this.#refuseEncryption(roomId, 'en')
    else await this.#say(roomId, textsIn('en').help)
  }

  /** It could not read what is asked there, and nobody could hear it. */
  async #refuseEncryption(roomId: string, language: Language): Promise<void> {
    await this.#rooms.get(roomId)?.end(undefined)
    await this.#say(roomId, textsIn(language).encrypted)
    await this.#homeserver.member(this.#homeserver.bot, roomId, 'leave')
  }

  async #message(event: MatrixEvent): Promise<void> {
    const { room_id: roomId, content } = event
    const asked = content['msgtype'] === 'm.text' ? askedIn(stringOf(content['body']) ?? '') : undefined
    if (!asked) return
    const state = await this.#homeserver.state(roomId)
    if (isEncrypted(state)) return await this.#refuseEncryption(roomId, asked.language)
    const texts = textsIn(asked.language)
    if (asked.command === 'help') return await this.#say(roomId, texts.help, event)
    if (!mayJoinCall(event.sender, state)) return await this.#say(roomId, texts.mayNot, event)
    const answer = asked.command === 'play' ? await this.#play(event, asked) : this.#rule(roomId, asked, texts)
    if (answer !== undefined) await this.#say(roomId, answer, event)
  }

  /** What is answered, unless it plays at once. */
  async #play(event: MatrixEvent, { rest, language }: Asked): Promise<string | undefined> {
    const { room_id: roomId } = event
    const texts = textsIn(language)
    const music = this.#rooms.get(roomId)
    if (music?.isFull) return texts.full
    if (!music && this.#rooms.size >= MAX_ROOMS) return texts.tooMany
    try {
      const piece = await this.#files.fetch(event, rest)
      this.#languages.set(roomId, language)
      const place = (
        await this.#musicIn(roomId).catch(async (error: unknown) => {
          await piece[Symbol.asyncDispose]()
          throw error
        })
      ).add(piece)
      return place === 0 ? undefined : texts.queued(piece.name, place)
    } catch (error) {
      if (error instanceof NoFileError) return texts[error.why]
      if (!(error instanceof NoCallError)) throw error
      log.info({ roomId, problem: error.message }, 'a call could not be joined')
      return texts.noCalls
    }
  }

  async #musicIn(roomId: string): Promise<RoomMusic> {
    const known = this.#rooms.get(roomId)
    if (known && !known.isOver) return known
    await known?.end(undefined)
    const say = (what: (texts: Texts) => string): void => {
      const texts = textsIn(this.#languages.get(roomId) ?? 'en')
      void this.#say(roomId, what(texts)).catch((error: unknown) => log.warn({ roomId, error }, 'nothing was said'))
    }
    const music = new RoomMusic({
      ...this.#parts,
      call: new Call({ homeserver: this.#homeserver, config: this.#parts.config, roomId }),
      tell: (what, { name }) => say((texts) => texts[what](name)),
      over: (why) => {
        if (this.#rooms.get(roomId) === music) this.#rooms.delete(roomId)
        if (why) say((texts) => texts[why])
      },
    })
    this.#rooms.set(roomId, music)
    try {
      await music.start()
    } catch (error) {
      this.#rooms.delete(roomId)
      throw error
    }
    return music
  }

  #rule(roomId: string, { command, rest }: Asked, texts: Texts): string | undefined {
    const music = this.#rooms.get(roomId)
    if (!music?.current) return texts.nothing
    if (command === 'queue') {
      const now = `${texts.playing(music.current.name)}${music.isPaused ? ` (${texts.isPaused})` : ''}`
      return [now, ...music.waiting.map(({ name }, at) => `${at + 1}. ${name}`)].join('\n')
    }
    if (command === 'skip') music.skip()
    else if (command === 'stop') void music.end('stopped')
    else if (command === 'resume') music.pause(false)
    else if (command === 'pause') music.pause(!music.isPaused)
    if (command === 'pause' && music.isPaused) return texts.paused
    if (command !== 'volume') return undefined
    if (!/^\d{1,3}$/.test(rest) || Number(rest) > 100) return texts.badVolume
    music.setVolume(Number(rest))
    return texts.volume(Number(rest))
  }

  async #say(roomId: string, body: string, to?: MatrixEvent): Promise<void> {
    const txnId = `music.${this.#parts.clock.now()}.${++this.#notices}`
    await this.#homeserver.notice(roomId, body, txnId, to?.event_id).catch((error: unknown) => {
      if (!(error instanceof RefusedError)) throw error
      log.info({ roomId, problem: error.message }, 'the bot may not speak')
    })
  }
}
