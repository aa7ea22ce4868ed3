/** Whether we reach an application service. https://spec.matrix.org/v1.19/application-service-api/#pinging */
import { MatrixError } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Appservice } from '../accounts/appservices.ts'
import { type AppserviceClient, unreachable } from './client.ts'

/** What is shown of an answer that says no. */
const MAX_SHOWN = 4_096

export class AppservicePing {
  readonly #client: AppserviceClient
  readonly #clock: Clock

  constructor({ client, clock }: { client: AppserviceClient; clock: Clock }) {
    this.#client = client
    this.#clock = clock
  }

  /**
   * Gives how long the answer took, in milliseconds. Throws `M_URL_NOT_SET`, `M_BAD_STATUS`, `M_CONNECTION_FAILED` and
   * `M_CONNECTION_TIMEOUT`.
   */
  async ping(appservice: Appservice, transactionId?: string): Promise<number> {
    const since = this.#clock.monotonic()
    const body = JSON.stringify(transactionId === undefined ? {} : { transaction_id: transactionId })
    const { status, body: text } = await this.#client
      .request(appservice, { method: 'POST', path: '/v1/ping', body })
      .catch(unreachable)
    if (status < 200 || status >= 300) {
      const extra = { status, body: text.slice(0, MAX_SHOWN) }
      throw new MatrixError(502, 'M_BAD_STATUS', `The application service answered with status ${status}`, { extra })
    }
    return Math.round(this.#clock.monotonic() - since)
  }
}
