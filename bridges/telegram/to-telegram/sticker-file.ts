/** Pictures of Matrix as the stickers that Telegram takes: WebP, no larger than 512 pixels. */
import { logger } from '../../../homeserver/platform/log.ts'
import type { Matrix } from '../matrix.ts'

const SIZE = 512
/** Telegram's limit, in bytes. */
const STICKER_LIMIT = 512 * 1024
const log = logger('telegram')

/** Undefined where none can be made: the picture goes as a picture then. */
export async function stickerFile(matrix: Matrix, mxc: string): Promise<Buffer | undefined> {
  try {
    // The homeserver's thumbnails are PNG or JPEG of its own making: nothing hostile is decoded here.
    const { bytes } = await matrix.thumbnail(mxc, SIZE)
    const { default: sharp } = await import('sharp')
    sharp.cache(false)
    const webp = await sharp(bytes).resize(SIZE, SIZE, { fit: 'inside' }).webp().toBuffer()
    return webp.length <= STICKER_LIMIT ? webp : undefined
  } catch (error) {
    log.debug({ problem: String(error) }, 'sticker sent as a picture')
    return undefined
  }
}
