/**
 * Between the address at which programs post and the bridge that knows the rooms: the homeserver has the first, and the
 * second comes and goes.
 */
import { MatrixError } from './errors.ts'

export interface WebhookPost {
  readonly hookId: string
  readonly secret: string
  /** Whose form the body has; undefined where it shows by itself. */
  readonly dialect: 'slack' | 'discord' | undefined
  /** In lower case, without parameters. */
  readonly contentType: string
  readonly body: Buffer
  /** The sender's own name for this message: with the same one it comes no second time. */
  readonly deliveryId: string | undefined
}

/** Throws `MatrixError`. Gives the event's id. */
export type TakePost = (post: WebhookPost) => Promise<string>

export class WebhookDoor {
  #take: TakePost | undefined

  /** Gives what closes it again. */
  open(take: TakePost): () => void {
    this.#take = take
    return () => {
      this.#take = undefined
    }
  }

  async post(post: WebhookPost): Promise<string> {
    if (!this.#take) throw new MatrixError(503, 'M_UNKNOWN', 'Webhooks are not ready. Try again in a minute')
    return await this.#take(post)
  }
}
