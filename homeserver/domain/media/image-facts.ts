/** What a picture in a file is, and how large it is shown. */
import { open } from 'node:fs/promises'
import { IMAGE_HEAD_BYTES, imageType, type ImageType } from './image-type.ts'
import { loadSharp } from './resize.ts'

export interface ImageFacts {
  readonly contentType: ImageType['contentType']
  /** Pixels, turned as the picture says it is to be shown. */
  readonly width: number
  readonly height: number
}

/** Reads the file's head alone. Undefined for what is no picture, or none that can be read. */
export async function readImageFacts(path: string): Promise<ImageFacts | undefined> {
  const type = imageType(await headOf(path))
  if (!type) return undefined
  const sharp = await loadSharp()
  const metadata = await sharp(path, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined)
  return metadata && { contentType: type.contentType, ...metadata.autoOrient }
}

async function headOf(path: string): Promise<Buffer> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(IMAGE_HEAD_BYTES), 0, IMAGE_HEAD_BYTES, 0)
  return buffer.subarray(0, bytesRead)
}
