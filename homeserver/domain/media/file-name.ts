const MAX_LENGTH = 255

/** Control characters, and those that turn the direction of writing: `exe.gpj` would show as `jpg.exe`. */
const unwanted = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** A name that is safe to show and to save under; undefined if nothing of it is left. */
export function fileNameOf(given: string | undefined): string | undefined {
  const name = given
    ?.toWellFormed()
    .replace(unwanted, '')
    .replace(/[/\\]/g, '_')
    .slice(0, MAX_LENGTH)
    .toWellFormed()
    .trim()
  return name === '' ? undefined : name
}
