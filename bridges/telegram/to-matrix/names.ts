/** What a message of Telegram points to, looked up before its text is walked: people, emoji, other messages. */
import type { Message } from 'node-telegram-bot-api'
import type { Database } from '../../appservice/database.ts'
import type { CustomEmoji } from '../custom-emoji.ts'
import type { Names } from '../format/to-html.ts'
import type { Matrix } from '../matrix.ts'
import type { Puppets } from '../puppets.ts'
import { readRich } from '../rich/read.ts'
import { type Words, wordsIn } from '../rich/tree.ts'
import { findMessage } from '../store/messages.ts'
import { idsOfUsernames } from '../store/people.ts'

export interface NamesParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly puppets: Puppets
  readonly customEmoji: CustomEmoji
}

export async function namesOf(
  message: Message,
  { matrix, database, puppets, customEmoji }: NamesParts,
): Promise<Names> {
  const named = textsOf(message).flatMap(({ text, entities }) =>
    entities.map((entity) => ({ entity, word: text.slice(entity.offset, entity.offset + entity.length) })),
  )
  const entities = named.map(({ entity }) => entity)
  const mentions = named
    .filter(({ entity }) => entity.type === 'mention')
    .map(({ word }) => word.slice(1).toLowerCase())
  const ids = await idsOfUsernames(database, [...new Set(mentions)])
  const linked = new Map<string, string | undefined>()
  for (const id of [...ids.values(), ...entities.flatMap(({ user }) => (user ? [String(user.id)] : []))]) {
    if (/^\d+$/.test(id)) linked.set(id, await puppets.of(id))
  }
  const userOf = (id: string | undefined): string | undefined =>
    id === undefined ? undefined : (linked.get(id) ?? matrix.ghostOf(id))
  const emoji = await customEmoji.of(entities.flatMap(({ custom_emoji_id: id }) => (id === undefined ? [] : [id])))
  const links = new Map<string, string>()
  for (const { entity, word } of named) {
    const url = entity.url ?? (entity.type === 'url' ? word : '')
    const there = await permalink(url, matrix, database)
    if (there !== undefined) links.set(url, there)
  }
  return {
    byId: (id) => userOf(String(id)),
    byUsername: (name) => userOf(ids.get(name.toLowerCase())),
    emoji: (id) => emoji.get(id),
    link: (url) => links.get(url),
  }
}

function textsOf({
  text = '',
  entities = [],
  caption = '',
  caption_entities = [],
  rich_message: rich,
}: Message): Words[] {
  const all: Words[] = [
    { text, entities },
    { text: caption, entities: caption_entities },
  ]
  if (!rich) return all
  const { nodes, media } = readRich(rich)
  const captions = media.map((one) => ({ text: one.caption ?? '', entities: one.caption_entities ?? [] }))
  return [...wordsIn(nodes), ...captions]
}

/** Where the message with this address is in Matrix, if it is. https://core.telegram.org/api/links#message-links */
async function permalink(url: string, matrix: Matrix, database: Database): Promise<string | undefined> {
  const [, chat, id] = /^https?:\/\/t\.me\/c\/(\d{1,15})\/(?:\d{1,10}\/)?(\d{1,10})$/.exec(url) ?? []
  const known = chat === undefined ? undefined : await findMessage(database, `-100${chat}`, Number(id))
  return known && matrix.permalink(known.room_id, known.event_id)
}
