/** Events hold 64 KB, with all that is around their content. */
import type { Content } from '../../appservice/event.ts'
import type { ConvertParts } from '../content.ts'

/** In bytes. An edit says a little more than what it edits. */
const LIMIT = 56 * 1024
const BEGINNING = 500

const sizeOf = (content: Content): number => Buffer.byteLength(JSON.stringify(content))

/** Without formatting where that is too much; where the text itself is, its beginning, and all of it as a file. */
export async function fitting(content: Content, files: ConvertParts['files']): Promise<Content> {
  if (sizeOf(content) <= LIMIT) return content
  const { format: _, formatted_body: _formatted, ...plain } = content
  if (sizeOf(plain) <= LIMIT) return plain
  const text = String(content['body'])
  const bytes = Buffer.from(text)
  const [type, filename] = ['text/plain', 'message.txt']
  const url = await files.put(bytes, type, filename)
  const body = `${text.slice(0, BEGINNING).toWellFormed()}…`
  const info = { mimetype: type, size: bytes.length }
  return { msgtype: 'm.file', body, filename, url, info, 'm.mentions': content['m.mentions'] }
}
