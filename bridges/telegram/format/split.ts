/** Long texts in parts that Telegram takes. */
import type { MessageEntity } from 'node-telegram-bot-api'
import { type Text, tidy } from './to-entities.ts'

export const TEXT_LIMIT = 4096
export const CAPTION_LIMIT = 1024

/** Cuts at blank lines, lines, sentences or spaces, in this order, and never within a character; entities go on in the next part. */
export function split({ text, entities }: Text, limit = TEXT_LIMIT): Text[] {
  const parts: Text[] = []
  let from = 0
  while (text.length - from > limit) {
    const to = from + cutAt(text.slice(from, from + limit + 1), limit)
    parts.push(part(text, entities, from, to))
    from = to
  }
  parts.push(part(text, entities, from, text.length))
  return parts.filter((one) => one.text !== '')
}

function part(text: string, entities: readonly MessageEntity[], from: number, to: number): Text {
  const inside = entities.flatMap((entity) => {
    const start = Math.max(from, entity.offset)
    const end = Math.min(to, entity.offset + entity.length)
    return end > start ? [{ ...entity, offset: start - from, length: end - start }] : []
  })
  return tidy(text.slice(from, to), inside)
}

/** Only the second half is looked through: parts are long. */
function cutAt(text: string, limit: number): number {
  const half = Math.floor(limit / 2)
  for (const border of ['\n\n', '\n', '. ', ' ']) {
    const at = text.lastIndexOf(border, limit - border.length)
    if (at >= half) return at + border.length
  }
  const tail = text.slice(half)
  let cut = half
  for (const { index, segment } of new Intl.Segmenter().segment(tail)) {
    if (half + index + segment.length > limit) break
    cut = half + index + segment.length
  }
  return cut > half ? cut : limit
}
