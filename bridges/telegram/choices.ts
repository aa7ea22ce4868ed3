/** What people have chosen in their chat with the bot, and in which language it speaks to them. */
import type { InlineKeyboardMarkup, User } from 'node-telegram-bot-api'
import { Lru } from '../../homeserver/platform/lru.ts'
import type { Database } from '../appservice/database.ts'
import { choicesOf, type Choices as Chosen, setChoices } from './store/choices.ts'
import { type Texts, textsFor } from './texts.ts'

const MAX_KNOWN = 10_000
const none: Chosen = { language: null, is_puppet: 1 }

export class Choices {
  readonly #database: Database
  readonly #known = new Lru<string, Chosen>(MAX_KNOWN)

  constructor({ database }: { database: Database }) {
    this.#database = database
  }

  async of(tgUser: string): Promise<Chosen> {
    const known = this.#known.get(tgUser)
    if (known) return known
    const chosen = (await choicesOf(this.#database, tgUser)) ?? none
    this.#known.set(tgUser, chosen)
    return chosen
  }

  /** As they wish, or as their app does. */
  async textsOf(user: Pick<User, 'id' | 'language_code'> | undefined): Promise<Texts> {
    if (!user) return textsFor(undefined)
    const { language } = await this.of(String(user.id))
    return textsFor(language ?? user.language_code)
  }

  /** A button was pressed. Gives whether it was one of these. */
  async press(tgUser: string, data: string): Promise<boolean> {
    const [, what, value = ''] = /^s (language|puppet) (\w*)$/.exec(data) ?? []
    if (what === undefined) return false
    const before = await this.of(tgUser)
    const now =
      what === 'puppet'
        ? { ...before, is_puppet: value === 'on' ? 1 : 0 }
        : { ...before, language: value === 'en' || value === 'ru' ? value : null }
    await this.#database.transaction('telegram choice', (tx) => setChoices(tx, tgUser, now))
    this.#known.set(tgUser, now)
    return true
  }

  /** The buttons, with a mark at what is chosen. */
  async buttons(tgUser: string, texts: Texts): Promise<InlineKeyboardMarkup> {
    const { language, is_puppet: isPuppet } = await this.of(tgUser)
    const button = (text: string, isChosen: boolean, choice: string) => ({
      text: isChosen ? `✓ ${text}` : text,
      callback_data: `s ${choice}`,
    })
    return {
      inline_keyboard: [
        [
          button(texts.languageOfApp, language === null, 'language '),
          button('English', language === 'en', 'language en'),
          button('Русский', language === 'ru', 'language ru'),
        ],
        [button(texts.asMyself, isPuppet === 1, 'puppet on'), button(texts.asGhost, isPuppet === 0, 'puppet off')],
      ],
    }
  }
}
