/** Telegram's people in Matrix: registered when they are first seen, with the name and picture that they have there. */
import type { Chat, Message, User } from 'node-telegram-bot-api'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { logger } from '../../homeserver/platform/log.ts'
import { Lru } from '../../homeserver/platform/lru.ts'
import type { Database } from '../appservice/database.ts'
import type { Content } from '../appservice/event.ts'
import { cleanName } from '../appservice/names.ts'
import type { Files } from './files.ts'
import { errcodeOf, type Matrix } from './matrix.ts'
import type { Puppets } from './puppets.ts'
import { addMember, findUser, isMember, removeMember, setUser } from './store/people.ts'
import type { Telegram } from './telegram.ts'

const PICTURE_MS = 24 * 3600_000
const MAX_LOOKED = 10_000
const log = logger('telegram')

/** Somebody who speaks: a person, a channel, or a group for which an anonymous administrator speaks. */
export interface Speaker {
  /** Digits, or `channel_` and digits. */
  readonly id: string
  readonly name: string
  readonly username: string | undefined
  /** Undefined for a chat, which has no profile photos. */
  readonly user: User | undefined
}

/** Nobody is called as an id of Matrix is, which would be that of somebody else (T94). */
const notAnId = (name: string): string => cleanName(name).replace(/@(?=[^\s:]+:\S)/g, '')

export function speakerOfUser(user: User): Speaker {
  const name = notAnId([user.first_name, user.last_name].filter(Boolean).join(' ')) || `Telegram user ${user.id}`
  return { id: String(user.id), name, username: user.username?.toLowerCase(), user }
}

export function speakerOfChat(chat: Chat): Speaker {
  const name = notAnId(chat.title ?? '') || 'Telegram channel'
  return { id: `channel_${Math.abs(chat.id)}`, name, username: chat.username?.toLowerCase(), user: undefined }
}

/** `sender_chat` wins over the placeholder that stands in `from` beside it. */
export function speakerOf({ sender_chat: chat, from }: Pick<Message, 'sender_chat' | 'from'>): Speaker | undefined {
  if (chat) return speakerOfChat(chat)
  return from && speakerOfUser(from)
}

export interface GhostsParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly clock: Clock
  readonly files: Files
  readonly puppets: Puppets
}

export class Ghosts {
  readonly #matrix: Matrix
  readonly #telegram: Telegram
  readonly #database: Database
  readonly #files: Files
  readonly #puppets: Puppets
  readonly #clock: Clock
  /** When somebody's picture was looked for. */
  readonly #looked = new Lru<string, number>(MAX_LOOKED)

  constructor(parts: GhostsParts) {
    this.#matrix = parts.matrix
    this.#telegram = parts.telegram
    this.#database = parts.database
    this.#files = parts.files
    this.#puppets = parts.puppets
    this.#clock = parts.clock
  }

  /** Gives the Matrix id of a user who is there, with this name. */
  async ensure({ id, name, username: current, user }: Speaker): Promise<string> {
    const username = current ?? null
    const userId = this.#matrix.ghostOf(id)
    const known = await findUser(this.#database, id)
    const isSame = known?.name === name && known.username === username
    if (isSame && !this.#isDue(id)) return userId
    if (!isSame) await this.#matrix.ensureRegistered(userId)
    if (known?.name !== name) await this.#matrix.setProfile(userId, { name })
    const profile = await this.#setPicture(userId, user, known?.profile ?? '')
    this.#looked.set(id, this.#clock.monotonic())
    await this.#database.transaction('telegram user', (tx) => setUser(tx, { id, username, name, profile }))
    return userId
  }

  /** Gives who speaks for them, joined to the room: themselves, where they have linked their account, or a ghost. */
  async inRoom(speaker: Speaker, roomId: string): Promise<string> {
    const ghost = await this.ensure(speaker)
    const puppet = await this.puppetOf(speaker)
    if (puppet !== undefined && (await this.#bringIn(puppet, ghost, roomId))) return puppet
    if (!(await isMember(this.#database, roomId, ghost))) await this.join(ghost, roomId)
    return ghost
  }

  /** Somebody is in the group. Who has linked their account comes when they speak. */
  async arrive(speaker: Speaker, roomId: string): Promise<void> {
    if ((await this.puppetOf(speaker)) === undefined) await this.inRoom(speaker, roomId)
  }

  async puppetOf({ id, user }: Pick<Speaker, 'id' | 'user'>): Promise<string | undefined> {
    return user && (await this.#puppets.of(id))
  }

  /**
   * Says it for them. Who was removed from the room, or is not linked any more, without our hearing of it, is looked for
   * anew, once.
   */
  async speak(
    speaker: Speaker,
    event: { roomId: string; type: string; content: Content; txnId: string; ts?: number },
  ): Promise<{ readonly sender: string; readonly eventId: string }> {
    const first = await this.inRoom(speaker, event.roomId)
    try {
      return { sender: first, eventId: await this.#matrix.send(first, event) }
    } catch (error) {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error
      await this.forget(first, event.roomId)
      this.#puppets.forget(speaker.id)
      const sender = await this.inRoom(speaker, event.roomId)
      return { sender, eventId: await this.#matrix.send(sender, event) }
    }
  }

  /** False where they may not come: then the ghost speaks on, which else goes. */
  async #bringIn(puppet: string, ghost: string, roomId: string): Promise<boolean> {
    if (!(await isMember(this.#database, roomId, puppet))) {
      try {
        await this.join(puppet, roomId)
      } catch (error) {
        if (errcodeOf(error) !== 'M_FORBIDDEN') throw error
        this.#puppets.forget(this.#matrix.telegramIdOf(ghost) ?? '')
        return false
      }
    }
    await this.leave(ghost, roomId)
    return true
  }

  /** Joins; where that needs an invitation, the bot gives it. */
  async join(userId: string, roomId: string): Promise<void> {
    try {
      await this.#matrix.setMembership(userId, roomId, 'join')
    } catch (error) {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error
      await this.#matrix.ruleMember(roomId, userId, 'invite')
      await this.#matrix.setMembership(userId, roomId, 'join')
    }
    await this.#database.transaction('telegram member', (tx) => addMember(tx, roomId, userId))
  }

  async leave(userId: string, roomId: string): Promise<void> {
    if (!(await isMember(this.#database, roomId, userId))) return
    await this.#matrix.setMembership(userId, roomId, 'leave').catch((error: unknown) => {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error // gone already
    })
    await this.forget(userId, roomId)
  }

  /** They are not there any more. */
  async forget(userId: string, roomId: string): Promise<void> {
    await this.#database.transaction('telegram member', (tx) => removeMember(tx, roomId, userId))
  }

  /** Telegram does not tell of new pictures: they are looked for once a day, and with a new name. */
  #isDue(id: string): boolean {
    const looked = this.#looked.get(id)
    return looked === undefined || this.#clock.monotonic() - looked > PICTURE_MS
  }

  /** Gives the id of the picture that is set. One that cannot be had keeps nobody from speaking. */
  async #setPicture(userId: string, user: User | undefined, known: string): Promise<string> {
    if (!user) return known
    try {
      const { photos } = await this.#telegram.reader.getUserProfilePhotos({ user_id: user.id, limit: 1 })
      const photo = photos[0]?.at(-1)
      if ((photo?.file_unique_id ?? '') === known) return known
      if (!photo) {
        await this.#matrix.setProfile(userId, { avatar: '' })
        return ''
      }
      const { mxc } = await this.#files.toMatrix(photo, { kind: 'photo', name: 'photo.jpg', type: 'image/jpeg' })
      await this.#matrix.setProfile(userId, { avatar: mxc })
      return photo.file_unique_id
    } catch (error) {
      log.warn({ userId, problem: String(error) }, 'profile photo not taken')
      return known
    }
  }
}
