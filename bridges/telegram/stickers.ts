/** Stickers that move, as apps can show them: films as pictures that move, where ffmpeg is there to make them. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Sticker } from 'node-telegram-bot-api'
import { logger } from '../../homeserver/platform/log.ts'
import { Slots } from '../../homeserver/platform/slots.ts'
import type { Files } from './files.ts'

const FFMPEG_MS = 30_000
/** Telegram takes 64 KB of a drawing that moves; one that is more than this unpacked is none. */
const MAX_LOTTIE = 4 * 1024 * 1024
const run = promisify(execFile)
const log = logger('telegram')

export class Stickers {
  readonly #files: Files
  /** Its name or path; empty where there is none. */
  #ffmpeg: string
  /** One at a time: it takes a core. */
  readonly #slots = new Slots({ perKey: 1, maxWaiting: Infinity })

  constructor({ files, ffmpeg }: { files: Files; ffmpeg: string }) {
    this.#files = files
    this.#ffmpeg = ffmpeg
  }

  /** A film as a picture that moves; undefined for others, and where it cannot be made. */
  async moving(
    sticker: Sticker,
  ): Promise<{ readonly mxc: string; readonly type: string; readonly size: undefined } | undefined> {
    if (!sticker.is_video || this.#ffmpeg === '') return undefined
    const type = 'image/webp'
    const change = { name: 'webp', make: (bytes: Buffer) => this.#slots.run('ffmpeg', () => this.#toWebp(bytes)) }
    try {
      const { mxc } = await this.#files.toMatrix(sticker, { kind: 'sticker', name: 'sticker.webp', type }, change)
      return { mxc, type, size: undefined }
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') this.#ffmpeg = ''
      log.debug({ problem: String(error) }, 'sticker shown by its still picture')
      return undefined
    }
  }

  /** Where the drawing of an animated sticker is, as Lottie's JSON; undefined where it is none. */
  async lottie(sticker: Sticker): Promise<string | undefined> {
    const shape = { kind: 'lottie', name: 'sticker.json', type: 'application/json' }
    const change = {
      name: 'lottie',
      make: async (bytes: Buffer) => await promisify(gunzip)(bytes, { maxOutputLength: MAX_LOTTIE }),
    }
    try {
      return (await this.#files.toMatrix(sticker, shape, change)).mxc
    } catch (error) {
      log.debug({ problem: String(error) }, 'sticker without its drawing')
      return undefined
    }
  }

  async #toWebp(film: Buffer): Promise<Buffer> {
    const directory = await mkdtemp(join(tmpdir(), 'domovoi-sticker-'))
    const [from, to] = [join(directory, 'sticker.webm'), join(directory, 'sticker.webp')]
    try {
      await writeFile(from, film)
      const how = ['-nostdin', '-v', 'error', '-f', 'webm', '-c:v', 'libvpx-vp9', '-i', from]
      const what = ['-an', '-c:v', 'libwebp_anim', '-loop', '0', '-f', 'webp', to]
      await run(this.#ffmpeg, [...how, ...what], { timeout: FFMPEG_MS, killSignal: 'SIGKILL' })
      return await readFile(to)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
}
