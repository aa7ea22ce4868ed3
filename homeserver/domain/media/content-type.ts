/** What an uploader says a file is. It is kept as said if it has the form of a type, since clients ask for it back. */

/** For what is not said, or not said in the right form. */
const unknownType = 'application/octet-stream'

const token = "[!#$%&'*+.^_`|~\\dA-Za-z-]+"
const mediaType = new RegExp(`^\\s*(${token}/${token})\\s*(?:;(.*))?$`)
const charset = new RegExp(`(?:^|;)\\s*charset\\s*=\\s*"?(${token})"?\\s*(?:;|$)`, 'i')

/** The type in lower case, of its parameters the charset alone: written anew, so that nothing odd comes out again (T76). */
export function contentTypeOf(header: string | undefined): string {
  if (header === undefined || header.length > 255) return unknownType
  const [, type, parameters = ''] = mediaType.exec(header) ?? []
  if (type === undefined) return unknownType
  const [, set] = charset.exec(parameters) ?? []
  return type.toLowerCase() + (set === undefined ? '' : `; charset=${set.toLowerCase()}`)
}
