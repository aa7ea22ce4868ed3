/** The bot's part in logging in: the homeserver decides, the bot shows. docs/telegram-login.md has the contract. */
import type { CallbackQuery, InlineKeyboardMarkup, Message, User } from 'node-telegram-bot-api'
import type {
  AccountAnswer,
  BotAnswer,
  CodeAnswer,
  LinkAnswer,
  LoginAnswer,
  TelegramEvent,
  TelegramPerson,
} from '../../homeserver/core/telegram-login.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { logger } from '../../homeserver/platform/log.ts'
import { Lru } from '../../homeserver/platform/lru.ts'
import type { Content } from '../appservice/event.ts'
import type { Choices } from './choices.ts'
import type { Files } from './files.ts'
import type { LinkCodes } from './link-codes.ts'
import { errcodeOf, isElsewhere, type Matrix } from './matrix.ts'
import type { Puppets } from './puppets.ts'
import { isGone, type Telegram } from './telegram.ts'
import { deviceLabel, type Texts } from './texts.ts'

/** What waited longer while we were away must not make codes. */
const STALE_MS = 120_000
const WAIT_MS = 30_000
const log = logger('telegram')

export interface LoginParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly files: Files
  readonly puppets: Puppets
  readonly linkCodes: LinkCodes
  readonly choices: Choices
  readonly clock: Clock
  readonly serverName: string
  readonly bot: { readonly id: string; readonly username: string }
  readonly retryMs: number
}

export class Login {
  readonly #parts: LoginParts
  /** Messages that show codes, to be deleted when those are over. */
  readonly #shown = new Lru<string, { chat_id: number; message_id: number }>(1_000)
  /** Where people choose which of their chats are rooms. */
  chatsPage: string | undefined
  /** Whom the bot has heard of, for their language and profile. */
  readonly #people = new Lru<string, User>(10_000)

  constructor(parts: LoginParts) {
    this.#parts = parts
  }

  /** A message in a private chat. Gives whether it was a command of ours. */
  async take(message: Message, command: { readonly name: string; readonly argument: string }): Promise<boolean> {
    const { from } = message
    if (!from || !isFromThemselves(message)) return false
    return await this.#answered(from, () => this.#take(message, from, command))
  }

  async #take(message: Message, from: User, { name, argument }: { name: string; argument: string }): Promise<boolean> {
    const texts = await this.#textsOf(from)
    if (name === 'start' && /^[LK][\w-]{43}$/.test(argument)) {
      const nonce = argument.slice(1)
      if (argument.startsWith('K')) await this.#askLink(from, texts, nonce)
      else await this.#start(message, from, texts, { nonce })
      return true
    }
    const command = Object.hasOwn(this.#commands, name) ? this.#commands[name] : undefined
    if (name === 'login') await this.#start(message, from, texts, {})
    else if (command) await this.#say(from, await command(from, texts))
    else return false
    return true
  }

  readonly #commands: Readonly<Record<string, (from: User, texts: Texts) => Promise<string>>> = {
    whoami: async (from, texts) => {
      const { user_id: userId } = await this.#ask<AccountAnswer>('account', { tg_user: String(from.id) })
      return userId === undefined ? texts.nobody : texts.whoami(userId)
    },
    unlink: async (from, texts) => linkText(texts, await this.#ask<LinkAnswer>('unlink', { tg_user: String(from.id) })),
    link: async (from, texts) => {
      const { user_id: userId } = await this.#ask<AccountAnswer>('account', { tg_user: String(from.id) })
      return userId === undefined
        ? texts.linkCode(await this.#parts.linkCodes.make(personOf(from)))
        : texts.whoami(userId)
    },
    loginoff: async (from, texts) => {
      await this.#ask('settings', { tg_user: String(from.id), login_enabled: false })
      return texts.loginOff
    },
    loginon: async (from, texts) => {
      await this.#ask('settings', { tg_user: String(from.id), login_enabled: true })
      return texts.loginOn
    },
    logout: async (from, texts) => {
      await this.#ask('sessions/end', { tg_user: String(from.id) })
      return texts.signedOut
    },
  }

  /** A button below one of our messages. */
  async press(query: CallbackQuery): Promise<void> {
    await this.#answered(query.from, () => this.#press(query))
  }

  async #press({ data = '', from, message }: CallbackQuery): Promise<void> {
    const [verb, value] = [data.slice(0, 1), data.slice(2)]
    const texts = await this.#textsOf(from)
    const tgUser = String(from.id)
    if (message) await this.#remove({ chat_id: message.chat.id, message_id: message.message_id })
    if (verb === 'm')
      return await this.#show(
        from,
        texts,
        await this.#ask<LoginAnswer>('login/match', { tg_user: tgUser, choice: value }),
      )
    if (verb === 'y') {
      await this.#ask('login/confirm', { tg_user: tgUser, code_id: value })
      return await this.#say(from, texts.done)
    }
    if (verb === 'n') {
      await this.#ask('login/deny', { tg_user: tgUser, code_id: value })
      return await this.#say(from, texts.stopped)
    }
    if (verb === 'l')
      return await this.#say(
        from,
        linkText(texts, await this.#ask<LinkAnswer>('link/confirm', { tg_user: tgUser, nonce: value })),
      )
    if (verb === 'o') {
      await this.#ask('sessions/end', { tg_user: tgUser })
      await this.#say(from, texts.signedOut)
    }
  }

  /** Tells the homeserver who the bot is: its pages then lead to it. */
  async announce(): Promise<void> {
    const { id, username } = this.#parts.bot
    this.chatsPage = (await this.#ask<BotAnswer>('bot', { id, username })).chats_url
  }

  /** Takes what happens on its pages until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, retryMs } = this.#parts
    let after: number | undefined
    while (!signal.aborted) {
      try {
        if (after === undefined) await this.announce()
        const { events, next } = await this.#ask<{ events: TelegramEvent[]; next: number }>('events', {
          after: after ?? 0,
          timeout_ms: WAIT_MS,
        })
        for (const event of events) await this.#happened(event)
        after = next
      } catch (error) {
        if (signal.aborted) return
        if (isElsewhere(error))
          return log.info({}, 'the homeserver has no logins by Telegram: the bot is a bridge only')
        log.debug({ problem: String(error) }, 'no news of logins')
        await clock.sleep(Math.max(retryMs, 1_000), signal).catch(() => undefined)
      }
    }
  }

  async #start(message: Message, from: User, texts: Texts, nonce: { nonce?: string }): Promise<void> {
    if (this.#parts.clock.now() - message.date * 1000 > STALE_MS) return
    await this.#show(from, texts, await this.#ask<LoginAnswer>('login/start', { person: personOf(from), ...nonce }))
  }

  async #show(from: User, texts: Texts, answer: LoginAnswer): Promise<void> {
    if (answer.kind === 'code') return await this.#showCode(from, texts, answer)
    if (answer.kind === 'match') {
      const buttons = answer.choices.map((choice) => ({ text: choice, callback_data: `m ${choice}` }))
      const rows = [0, 3, 6].map((at) => buttons.slice(at, at + 3)).filter((row) => row.length > 0)
      return await this.#say(from, texts.whichPicture, { inline_keyboard: rows })
    }
    const text = texts.refusals[answer.reason]
    await this.#say(from, answer.url === undefined ? text : `${text}\n${answer.url}`)
  }

  async #showCode(
    from: User,
    texts: Texts,
    { code, code_id: id, expires_in_ms: ms, device }: CodeAnswer,
  ): Promise<void> {
    const text = code + texts.code(this.#parts.serverName, deviceLabel(texts, device), Math.round(ms / 60_000))
    const sent = await this.#parts.telegram.sender.sendMessage({
      chat_id: from.id,
      text,
      entities: [{ type: 'code', offset: 0, length: code.length }],
      protect_content: true,
      reply_markup: { inline_keyboard: [[{ text: texts.notMe, callback_data: `n ${id}` }]] },
    })
    this.#shown.set(id, { chat_id: from.id, message_id: sent.message_id })
  }

  async #askLink(from: User, texts: Texts, nonce: string): Promise<void> {
    const answer = await this.#ask<LinkAnswer>('link/open', { person: personOf(from), nonce })
    if (answer.kind !== 'ask') return await this.#say(from, linkText(texts, answer))
    const yes = { text: texts.yes, callback_data: `l ${nonce}` }
    await this.#say(from, texts.askLink(answer.user_id), {
      inline_keyboard: [[yes, { text: texts.no, callback_data: 'x' }]],
    })
  }

  async #happened(event: TelegramEvent): Promise<void> {
    const to = { id: Number(event.tg_user) }
    this.#parts.puppets.forget(event.tg_user)
    const person = this.#people.get(event.tg_user)
    const texts = await this.#parts.choices.textsOf(person ?? to)
    switch (event.type) {
      case 'code_over': {
        const message = this.#shown.get(event.code_id)
        if (message) await this.#remove(message)
        return
      }
      case 'confirm': {
        const [yes, no] = [
          { text: texts.yes, callback_data: `y ${event.code_id}` },
          { text: texts.no, callback_data: `n ${event.code_id}` },
        ]
        return await this.#say(to, texts.confirm(deviceLabel(texts, event.device)), { inline_keyboard: [[yes, no]] })
      }
      case 'signed_in': {
        if (event.is_new && person) await this.#giveProfile(person)
        const out = { text: texts.signOutAll, callback_data: 'o' }
        return await this.#say(to, texts.signedIn(event.user_id, deviceLabel(texts, event.device)), {
          inline_keyboard: [[out]],
        })
      }
      case 'linked':
        return await this.#say(to, texts.linked(event.user_id))
      case 'unlinked':
        return await this.#say(to, texts.unlinked(event.user_id))
    }
  }

  /** A new account gets the picture that its owner has in Telegram. */
  async #giveProfile(user: User): Promise<void> {
    try {
      const { photos } = await this.#parts.telegram.reader.getUserProfilePhotos({ user_id: user.id, limit: 1 })
      const photo = photos[0]?.at(-1)
      if (!photo) return
      const { mxc } = await this.#parts.files.toMatrix(photo, { kind: 'photo', name: 'photo.jpg', type: 'image/jpeg' })
      await this.#ask('profile', { person: personOf(user), avatar_url: mxc })
    } catch (error) {
      log.warn({ problem: String(error) }, 'profile photo of a new account not taken')
    }
  }

  /** What cannot be said to somebody, because they have blocked the bot, is not said. */
  async #say({ id }: { id: number }, text: string, markup?: InlineKeyboardMarkup): Promise<void> {
    const { sender } = this.#parts.telegram
    await sender
      .sendMessage({ chat_id: id, text, ...(markup ? { reply_markup: markup } : {}) })
      .catch((error: unknown) => log.warn({ problem: String(error) }, 'message to a person not sent'))
  }

  async #remove(message: { chat_id: number; message_id: number }): Promise<void> {
    await this.#parts.telegram.sender.deleteMessage(message).catch((error: unknown) => {
      if (!isGone(error)) log.warn({ problem: String(error) }, 'message with a code not deleted')
    })
  }

  async #textsOf(user: User): Promise<Texts> {
    this.#people.set(String(user.id), user)
    return await this.#parts.choices.textsOf(user)
  }

  /** Where the homeserver refuses to speak of logins, people are told so. */
  async #answered<T>(from: User, work: () => Promise<T>): Promise<T | true> {
    try {
      return await work()
    } catch (error) {
      if (errcodeOf(error) === undefined) throw error
      await this.#say(from, (await this.#textsOf(from)).unavailable)
      return true
    }
  }

  async #ask<Answer = Content>(path: string, body: Content): Promise<Answer> {
    return (await this.#parts.matrix.internal(path, body)) as Answer
  }
}

/** Not forwarded, not by another bot, not on somebody's behalf, and alone with the bot. */
function isFromThemselves(message: Message): boolean {
  const { chat, from } = message
  return (
    chat.type === 'private' &&
    from?.id === chat.id &&
    !from.is_bot &&
    !message.forward_origin &&
    !message.via_bot &&
    !message.sender_chat &&
    message.business_connection_id === undefined
  )
}

function personOf({ id, first_name, last_name, username, language_code: language }: User): TelegramPerson {
  return { id: String(id), first_name, last_name, username, language }
}

function linkText(texts: Texts, answer: LinkAnswer): string {
  if (answer.kind === 'refused') return texts.refusals[answer.reason]
  return answer.kind === 'unlinked' ? texts.unlinked(answer.user_id) : texts.linked(answer.user_id)
}
