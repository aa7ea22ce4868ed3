/** Which letters the bytes of a page stand for. https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding */

/** How far into the page it may say so itself. */
const HEAD_BYTES = 1024

/** Never fails: what cannot be read becomes U+FFFD. */
export function decodePage(bytes: Buffer, contentType: string): string {
  const head = bytes.subarray(0, HEAD_BYTES).toString('latin1')
  const label = charsetIn(contentType) ?? charsetIn(/<meta[^>]+charset[^>]+>/i.exec(head)?.[0] ?? '') ?? 'utf-8'
  try {
    return new TextDecoder(label).decode(bytes)
  } catch {
    return bytes.toString('utf8') // an encoding that nobody knows
  }
}

function charsetIn(text: string): string | undefined {
  return /charset\s*=\s*["']?\s*([\w.:-]+)/i.exec(text)?.[1]
}
