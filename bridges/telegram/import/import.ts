/**
 * An export of Telegram Desktop → a room with the old times. Each event says of which message it is, so that another run
 * finds what is there, and brings what is missing.
 */
import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { Lru } from '../../../homeserver/platform/lru.ts'
import type { Content, MatrixEvent } from '../../appservice/event.ts'
import { objectOf, stringOf } from '../../appservice/json.ts'
import { cleanName } from '../../appservice/names.ts'
import type { BridgeConfig } from '../config.ts'
import { convert } from '../content.ts'
import { EXTRA } from '../content/extra.ts'
import type { Names } from '../format/to-html.ts'
import { errcodeOf, Matrix } from '../matrix.ts'
import { chatIdOf, type ExportedChat, type ExportedMessage, readExport, speakerIdOf, timeOf } from './export.ts'
import { LocalFiles } from './local-files.ts'
import { noticeOf } from './service.ts'
import { pathOf, toMessage } from './to-message.ts'

/** Ghosts that are known to be in the room. */
const MAX_JOINED = 10_000
/** In `EXTRA`: the message's id, or `ID.edit.TIME`. */
const MARK = 'imported'

export interface ImportOptions {
  /** With `result.json` in it. */
  readonly directory: string
  /** Whose room it becomes. */
  readonly userId: string
  /** In bytes. */
  readonly maxUpload: number
}

export interface Imported {
  readonly roomId: string
  readonly added: number
  readonly present: number
}

/** Throws `ExportError` before anything is made where the file is no export. */
export async function importExport(config: BridgeConfig, options: ImportOptions): Promise<Imported> {
  const path = join(options.directory, 'result.json')
  const { chat, targets } = await survey(path)
  const matrix = await Matrix.open(config)
  try {
    const roomId = await roomFor(matrix, config, chat, options.userId)
    const files = await LocalFiles.open(options.directory, matrix, options.maxUpload)
    const done = await eventsIn(matrix, roomId, targets)
    const writer = new Writer({ matrix, roomId, chat, files, done, targets })
    for await (const message of readExport(path)) await writer.write(message)
    return { roomId, added: writer.added, present: writer.present }
  } finally {
    await matrix.close()
  }
}

/** Reads all of it once: a mistake has to be known before anything is made, and what is answered or edited. */
async function survey(path: string): Promise<{ chat: ExportedChat; targets: ReadonlySet<number> }> {
  const targets = new Set<number>()
  const messages = readExport(path)
  for (;;) {
    const next = await messages.next()
    if (next.done === true) return { chat: next.value, targets }
    const { id, reply_to_message_id: answered, edited_unixtime: edited } = next.value
    if (answered !== undefined) targets.add(answered)
    if (edited !== undefined) targets.add(id)
  }
}

/**
 * Found by an alias that nobody guesses: of a chat between two, each has an export of their own, which is nothing for
 * others.
 */
async function roomFor(
  matrix: Matrix,
  { registration, serverName }: BridgeConfig,
  chat: ExportedChat,
  userId: string,
): Promise<string> {
  const secret = createHmac('sha256', registration.as_token).update(`${chat.type} ${chatIdOf(chat)} ${userId}`)
  const localpart = `telegram_import_${secret.digest('hex').slice(0, 32)}`
  const alias = encodeURIComponent(`#${localpart}:${serverName}`)
  try {
    const found = await matrix.request(matrix.botUserId, 'GET', `/_matrix/client/v3/directory/room/${alias}`)
    return found['room_id'] as string
  } catch (error) {
    if (errcodeOf(error) !== 'M_NOT_FOUND') throw error
  }
  return await matrix.createRoom({
    preset: 'private_chat',
    room_version: '11', // a creator above all power levels could not share the room with its owner
    name: cleanName(chat.name ?? '') || (chat.type === 'saved_messages' ? 'Saved Messages' : 'Telegram chat'),
    room_alias_name: localpart,
    invite: [userId],
    power_level_content_override: { users: { [matrix.botUserId]: 100, [userId]: 100 } },
  })
}

/** A deleted message has lost its mark, and must not come again. */
const traceOf = (sender: string, ts: number): string => `${sender} ${ts}`

/** The marks of what is in the room, with the event where others point to it, and the traces of what was deleted there. */
async function eventsIn(matrix: Matrix, roomId: string, targets: ReadonlySet<number>): Promise<Map<string, string>> {
  const done = new Map<string, string>()
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/messages`
  for (let from: unknown; ;) {
    const query = { dir: 'b', limit: 500, ...(typeof from === 'string' ? { from } : {}) }
    const page = await matrix.request(matrix.botUserId, 'GET', path, undefined, query)
    for (const event of page['chunk'] as readonly MatrixEvent[]) {
      if (!matrix.isOurs(event.sender)) continue
      const mark = stringOf(objectOf(event.content[EXTRA])[MARK])
      if (mark !== undefined) done.set(mark, targets.has(Number(mark)) ? event.event_id : '')
      else if ('redacted_because' in objectOf(event.unsigned)) {
        done.set(traceOf(event.sender, event.origin_server_ts), '')
      }
    }
    from = page['end']
    if (typeof from !== 'string') return done
  }
}

/** The newest edit: of those before it an export says nothing. */
function editOf({ id, type, edited_unixtime: seconds }: ExportedMessage): { mark: string; ts: number } | undefined {
  if (type === 'service' || seconds === undefined) return undefined
  return { mark: `${id}.edit.${seconds}`, ts: Number(seconds) * 1000 }
}

interface WriterParts {
  readonly matrix: Matrix
  readonly roomId: string
  readonly chat: ExportedChat
  readonly files: LocalFiles
  readonly done: Map<string, string>
  readonly targets: ReadonlySet<number>
}

class Writer {
  added = 0
  present = 0
  readonly #parts: WriterParts
  readonly #names: Names
  readonly #joined = new Lru<string, true>(MAX_JOINED)

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#names = {
      byId: (id) => parts.matrix.ghostOf(id),
      byUsername: () => undefined,
      emoji: () => undefined,
      link: () => undefined,
    }
  }

  async write(message: ExportedMessage): Promise<void> {
    const { done, targets } = this.#parts
    const mark = String(message.id)
    const edit = editOf(message)
    const [sender, ts] = [this.#senderOf(message), timeOf(message)]
    const isPresent = done.has(mark) || done.has(traceOf(sender, ts))
    if (isPresent) this.present++
    if (isPresent && (edit === undefined || done.has(edit.mark))) return
    const made = await this.#contentOf(message)
    if (made === undefined) return
    const { type, content } = made
    await this.#bringIn(sender, message)
    if (!isPresent) {
      const said = { ...content, ...this.#relation(message) }
      const eventId = await this.#send(sender, type, said, mark, ts)
      done.set(mark, targets.has(message.id) ? eventId : '')
      this.added++
    }
    const target = done.get(mark)
    if (edit === undefined || !target || type === 'm.sticker') return
    const relation = { rel_type: 'm.replace', event_id: target }
    const edited = { ...content, 'm.new_content': content, 'm.relates_to': relation }
    await this.#send(sender, type, edited, edit.mark, edit.ts)
  }

  /** Undefined for what need not be told. */
  async #contentOf(message: ExportedMessage): Promise<{ type: string; content: Content } | undefined> {
    if (message.type === 'service') {
      const body = noticeOf(message)
      return body === undefined
        ? undefined
        : { type: 'm.room.message', content: { msgtype: 'm.notice', body, 'm.mentions': {} } }
    }
    const { files, chat } = this.#parts
    const path = pathOf(message)
    const { thumbnail, ...rest } = message
    const shown = thumbnail && (await files.has(thumbnail)) ? message : rest
    const [first] = await convert(toMessage(shown, chat), {
      files,
      stickers: { moving: () => Promise.resolve(undefined), lottie: () => Promise.resolve(undefined) },
      names: this.#names,
      isWithoutFile: path !== undefined && !(await files.has(path)),
    })
    return first
  }

  #relation({ reply_to_message_id: id, reply_to_peer_id: elsewhere }: ExportedMessage): Content {
    const eventId = elsewhere === undefined ? this.#parts.done.get(String(id)) : undefined
    return eventId ? { 'm.relates_to': { 'm.in_reply_to': { event_id: eventId } } } : {}
  }

  async #send(sender: string, type: string, content: Content, mark: string, ts: number): Promise<string> {
    const { matrix, roomId } = this.#parts
    const marked = { ...content, [EXTRA]: { ...objectOf(content[EXTRA]), [MARK]: mark } }
    return await matrix.send(sender, { roomId, type, content: marked, txnId: `tg.import.${mark}`, ts })
  }

  /** The ghost of who has said it; the bot where the export does not say who. */
  #senderOf(message: ExportedMessage): string {
    const { matrix } = this.#parts
    const id = message.type === 'service' ? undefined : speakerIdOf(message)
    return id === undefined ? matrix.botUserId : matrix.ghostOf(id)
  }

  async #bringIn(ghost: string, message: ExportedMessage): Promise<void> {
    const { matrix, roomId } = this.#parts
    if (ghost === matrix.botUserId || this.#joined.get(ghost)) return
    await matrix.ensureRegistered(ghost)
    await this.#name(ghost, cleanName(message.from ?? '') || 'Deleted Account')
    try {
      await matrix.setMembership(ghost, roomId, 'join')
    } catch (error) {
      if (errcodeOf(error) !== 'M_FORBIDDEN') throw error
      await matrix.ruleMember(roomId, ghost, 'invite')
      await matrix.setMembership(ghost, roomId, 'join')
    }
    this.#joined.set(ghost, true)
  }

  /** The bridge may know a newer name: it stays. */
  async #name(ghost: string, name: string): Promise<void> {
    const { matrix } = this.#parts
    const path = `/_matrix/client/v3/profile/${encodeURIComponent(ghost)}`
    const { displayname } = await matrix.request(matrix.botUserId, 'GET', path)
    const isNamed = typeof displayname === 'string' && !ghost.startsWith(`@${displayname}:`)
    if (!isNamed) await matrix.setProfile(ghost, { name })
  }
}
