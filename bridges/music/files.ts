/** Sound files that people posted: which one is meant, and its bytes on disk while it plays. */
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { MatrixEvent } from '../appservice/event.ts'
import { eventOf, mxcOf, relationOf } from '../appservice/event.ts'
import { type Homeserver, RefusedError } from '../appservice/homeserver.ts'
import { listOf, objectOf, stringOf } from '../appservice/json.ts'
import { MAX_FILE, type MusicConfig } from './config.ts'
import { type Kind, kindOf } from './decode/kind.ts'
import type { Track } from './messages.ts'

/** Why a file is not played: the name of a text. */
export class NoFileError extends Error {
  override name = 'NoFileError'
  readonly why: 'noFile' | 'secretFile' | 'tooLarge' | 'gone' | 'unknown' | 'needsFfmpeg'

  constructor(why: NoFileError['why']) {
    super(why)
    this.why = why
  }
}

export interface Piece extends Track, AsyncDisposable {
  readonly name: string
}

interface Found {
  /** Undefined for one that is encrypted. */
  readonly mxc: string | undefined
  readonly name: string
}

/** Looked through, in pages. */
const PAGES = 5
const PER_PAGE = 100
const MAX_NAME = 100
const DOWNLOAD_MS = 5 * 60_000
const encoded = encodeURIComponent

export class Files {
  readonly #config: MusicConfig
  readonly #homeserver: Homeserver

  constructor({ config, homeserver }: { config: MusicConfig; homeserver: Homeserver }) {
    this.#config = config
    this.#homeserver = homeserver
  }

  /** What a killed process left is gone. */
  async open(): Promise<void> {
    await rm(this.#config.directory, { recursive: true, force: true })
    await mkdir(this.#config.directory, { recursive: true, mode: 0o700 })
  }

  /** The file that a command means, ready to be played. Throws `NoFileError`. */
  async fetch(event: MatrixEvent, name: string): Promise<Piece> {
    const { answered } = relationOf(event.content)
    const found =
      answered === undefined ? await this.#last(event.room_id, name) : await this.#at(event.room_id, answered)
    if (found.mxc === undefined) throw new NoFileError('secretFile')
    const path = join(this.#config.directory, randomUUID())
    const dispose = async (): Promise<void> => await rm(path, { force: true })
    try {
      await this.#download(found.mxc, path)
      return { path, kind: await this.#kindOf(path), name: found.name, [Symbol.asyncDispose]: dispose }
    } catch (error) {
      await dispose()
      throw error
    }
  }

  async #kindOf(path: string): Promise<Kind> {
    const kind = await kindOf(path)
    if (!kind) throw new NoFileError('unknown')
    if (!kind.own && this.#config.ffmpeg === undefined) throw new NoFileError('needsFfmpeg')
    return kind
  }

  async #at(roomId: string, eventId: string): Promise<Found> {
    const path = `/_matrix/client/v3/rooms/${encoded(roomId)}/event/${encoded(eventId)}`
    const event = eventOf(await this.#homeserver.request('GET', path).catch(ifRefused))
    const found = event && fileIn(event)
    if (!found) throw new NoFileError('noFile')
    return found
  }

  async #last(roomId: string, name: string): Promise<Found> {
    const wanted = name.toLowerCase()
    let from = ''
    for (let page = 0; page < PAGES; page++) {
      const query = { dir: 'b', limit: `${PER_PAGE}`, filter: '{"types":["m.room.message"]}', ...(from && { from }) }
      const path = `/_matrix/client/v3/rooms/${encoded(roomId)}/messages`
      const answer = await this.#homeserver.request('GET', path, undefined, undefined, query)
      for (const event of listOf(answer['chunk']).map(eventOf)) {
        const found = event && fileIn(event)
        if (found?.name.toLowerCase().includes(wanted)) return found
      }
      from = stringOf(answer['end']) ?? ''
      if (from === '') break
    }
    throw new NoFileError('noFile')
  }

  async #download(mxc: string, path: string): Promise<void> {
    const { homeserverUrl, registration } = this.#config
    const response = await fetch(`${homeserverUrl}/_matrix/client/v1/media/download/${mxc.slice('mxc://'.length)}`, {
      headers: { authorization: `Bearer ${registration.as_token}` },
      signal: AbortSignal.timeout(DOWNLOAD_MS),
    })
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      throw new NoFileError('gone')
    }
    await pipeline(Readable.fromWeb(response.body as never), upTo(MAX_FILE), createWriteStream(path, { mode: 0o600 })) // the types of two kinds of streams differ in name
  }
}

const ifRefused = (error: unknown): undefined => {
  if (!(error instanceof RefusedError)) throw error
  return undefined
}

/** Undefined for what is no sound. */
function fileIn({ type, content }: MatrixEvent): Found | undefined {
  const { msgtype, body, filename, url, file } = content
  const media = stringOf(objectOf(content['info'])['mimetype']) ?? ''
  const isSound = msgtype === 'm.audio' || (msgtype === 'm.file' && /^(?:audio\/|application\/ogg)/.test(media))
  if (type !== 'm.room.message' || !isSound) return undefined
  const mxc = mxcOf(url)
  const name = (stringOf(filename) ?? stringOf(body) ?? '').replace(/\s+/g, ' ').trim().slice(0, MAX_NAME)
  return mxc === undefined && file === undefined ? undefined : { mxc, name: name || '?' }
}

function upTo(most: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length
      done(bytes > most ? new NoFileError('tooLarge') : null, chunk)
    },
  })
}
