/** An event or update with which nothing can be done, now or later. The message says why, to people. */
export class OddError extends Error {
  override name = 'OddError'
}
