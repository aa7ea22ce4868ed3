/** The name in a `Content-Disposition`: the extended form wins. https://www.rfc-editor.org/rfc/rfc6266#section-4.1 */
export function fileNameIn(header: string | undefined): string | undefined {
  if (header === undefined || header.length > 4096) return undefined
  const [, extended] = /;\s*filename\*\s*=\s*utf-8'[^']*'([^\s;]+)/i.exec(header) ?? []
  const name = extended === undefined ? undefined : decoded(extended)
  if (name !== undefined) return name
  const [, quoted, plain] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(header) ?? []
  return quoted?.replace(/\\(.)/g, '$1') ?? plain
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
