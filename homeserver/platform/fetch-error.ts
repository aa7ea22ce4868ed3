export type FetchFailure =
  /** The address may not be dialled. */
  | 'denied'
  | 'timeout'
  | 'too_large'
  | 'too_many_redirects'
  /** The other side does not speak HTTP as it should, or not by a protocol that is allowed. */
  | 'protocol'
  /** Name not found, connection refused or broken, certificate not trusted: see `cause`. */
  | 'network'

export class FetchError extends Error {
  override name = 'FetchError'
  readonly failure: FetchFailure

  constructor(failure: FetchFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.failure = failure
  }
}
