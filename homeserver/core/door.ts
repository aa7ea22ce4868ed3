/**
 * Between an address of the homeserver and the bridge that knows what to do with what comes in there: the homeserver has the
 * first, and the second comes and goes.
 */
import { MatrixError } from './errors.ts'

export class Door<Given, Answer> {
  #take: ((given: Given) => Promise<Answer>) | undefined

  /** `take` throws `MatrixError`. Gives what closes the door again. */
  open(take: (given: Given) => Promise<Answer>): () => void {
    this.#take = take
    return () => {
      this.#take = undefined
    }
  }

  /** Throws `MatrixError`: 503 where nobody is behind the door. */
  async pass(given: Given): Promise<Answer> {
    if (!this.#take) throw new MatrixError(503, 'M_UNKNOWN', 'This is not ready. Try again in a minute')
    return await this.#take(given)
  }
}
