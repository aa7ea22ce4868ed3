/** What a file is by its first bytes; what its uploader called it does not count (T78). */

export interface ImageType {
  readonly contentType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'
  /** A PNG with more than one picture, which libvips does not see: it reads the first. */
  readonly isApng: boolean
}

/** How many bytes `imageType` wants to see. */
export const IMAGE_HEAD_BYTES = 4096

/** Undefined for anything that thumbnails are not made of. */
export function imageType(head: Buffer): ImageType | undefined {
  const text = head.toString('latin1')
  if (text.startsWith('\x89PNG\r\n\x1a\n')) {
    return { contentType: 'image/png', isApng: text.slice(0, indexOrEnd(text, 'IDAT')).includes('acTL') }
  }
  if (text.startsWith('\xff\xd8\xff')) return { contentType: 'image/jpeg', isApng: false }
  if (/^GIF8[79]a/.test(text)) return { contentType: 'image/gif', isApng: false }
  if (/^RIFF[^]{4}WEBP/.test(text)) return { contentType: 'image/webp', isApng: false }
  return undefined
}

function indexOrEnd(text: string, part: string): number {
  const index = text.indexOf(part)
  return index < 0 ? text.length : index
}
