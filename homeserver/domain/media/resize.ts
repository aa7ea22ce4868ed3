/** Makes small pictures of large ones. The decoders are C: they get four formats, and bounds on pixels, frames and time (T78). */
import type { default as sharpModule, Sharp, SharpOptions } from 'sharp'
import { refuse, tooLarge } from '../../core/errors.ts'
import type { ThumbnailSize } from '../../storage/media.ts'

export interface Resized {
  readonly bytes: Buffer
  readonly contentType: 'image/png' | 'image/jpeg' | 'image/webp'
}

/** Of all frames together that are decoded: 128 MB. */
const MAX_PIXELS = 32_000_000
const MAX_FRAMES = 64
const MAX_SECONDS = 10
/** Pixels in width. */
const MAX_TINY = 96

/**
 * The image at `path` within `size`, never larger than it is; undefined if it is no larger than `size` and `stays` says
 * that it may be used as it is. Throws `M_TOO_LARGE`, or `M_UNKNOWN` for an image that cannot be read.
 */
export async function resize(
  path: string,
  size: ThumbnailSize,
  { animated, keepIfSmall }: { animated: boolean; keepIfSmall: boolean },
): Promise<Resized | undefined> {
  const sharp = await loadSharp()
  // Telling the size reads the head of the file alone, so the bound on pixels is ours to check.
  const {
    autoOrient,
    pages = 1,
    hasAlpha,
    format,
  } = await sharp(path, { limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => refuseImage(error))
  const { width, height } = autoOrient
  const pixels = width * height
  if (pixels > MAX_PIXELS) throw tooLarge('This image is too large for a thumbnail')
  const moves = animated && pages > 1
  const box = boxFor(size, width, height)
  if (!box && keepIfSmall && (moves || pages === 1)) return undefined

  const frames = moves ? Math.min(pages, MAX_FRAMES, Math.floor(MAX_PIXELS / pixels)) : 1
  const options: SharpOptions = { pages: frames, limitInputPixels: MAX_PIXELS, failOn: 'error', sequentialRead: true }
  const image = sharp(path, options).autoOrient().timeout({ seconds: MAX_SECONDS })
  if (box) image.resize({ ...box, fit: size.method === 'crop' ? 'cover' : 'inside' })
  const [encoded, contentType] = encode(image, { moves, staysPng: hasAlpha || (format === 'png' && isTiny(size)) })
  try {
    return { bytes: await encoded.toBuffer(), contentType }
  } catch (error) {
    return refuseImage(error)
  }
}

/** What to resize to, or undefined if the image is no larger than that in either direction. */
function boxFor(
  { width, height, method }: ThumbnailSize,
  imageWidth: number,
  imageHeight: number,
): { width: number; height: number } | undefined {
  if (width === 0 || (imageWidth <= width && imageHeight <= height)) return undefined
  if (method === 'scale') return { width, height }
  // An image that is smaller in one direction is cropped to the shape asked for, not enlarged to its size.
  const shrink = Math.min(1, imageWidth / width, imageHeight / height)
  return { width: Math.max(1, Math.round(width * shrink)), height: Math.max(1, Math.round(height * shrink)) }
}

/** As PNG hardly larger than as JPEG, drawings stay sharp, and Synapse answers the same: Complement compares. */
function isTiny({ width }: ThumbnailSize): boolean {
  return width > 0 && width <= MAX_TINY
}

function encode(
  image: Sharp,
  { moves, staysPng }: { moves: boolean; staysPng: boolean },
): [Sharp, Resized['contentType']] {
  if (moves) return [image.webp({ effort: 1, quality: 75 }), 'image/webp']
  if (staysPng) return [image.png(), 'image/png']
  return [image.jpeg({ quality: 80 }), 'image/jpeg']
}

/** Loaded when the first picture is looked at, so that a server without any does without its memory. */
export async function loadSharp(): Promise<typeof sharpModule> {
  const { default: sharp } = await import('sharp')
  sharp.cache(false)
  sharp.concurrency(1)
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({
    operation: ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadNsgif', 'VipsForeignLoadWebp'],
  })
  return sharp
}

function refuseImage(error: unknown): never {
  if (/timeout|pixel limit/i.test(String(error))) throw tooLarge('This image is too large for a thumbnail')
  throw refuse(400, 'M_UNKNOWN', 'No thumbnail can be made of this file')
}
