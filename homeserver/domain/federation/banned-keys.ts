/** Public keys whose private half everybody can know, in unpadded base64 (T26). */
const bannedKeys: ReadonlySet<string> = new Set([
  // CVE-2026-24044: made with a random generator of a fixed seed.
  'l/O9hxMVKB6Lg+3Hqf0FQQZhVESQcMzbPN1Cz2nM3og',
])

export function isBanned(publicKey: string): boolean {
  return bannedKeys.has(publicKey)
}
