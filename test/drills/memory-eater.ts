/** Loaded into the server program before anything else: told to, the process takes memory until it has none left, and dies of that. */

/** Kept, so that it cannot be taken back. */
const eaten: string[][] = []

const PIECE = 50_000
const EVERY_MS = 5

process.on('message', () => {
  setInterval(() => eaten.push(Array.from({ length: PIECE }, (_, n) => `${eaten.length} ${n}`)), EVERY_MS)
})
process.channel?.unref()
