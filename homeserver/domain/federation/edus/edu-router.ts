/** Hands the EDUs of other servers to those who know them. https://spec.matrix.org/v1.19/server-server-api/#edus */
import { MatrixError } from '../../../core/errors.ts'
import type { ServerName } from '../../../core/ids.ts'
import { logger } from '../../../platform/log.ts'
import type { Edu, EduReceiver } from '../receive/edu-receiver.ts'

const log = logger('federation')

export class EduRouter implements EduReceiver {
  readonly #receivers: ReadonlyMap<string, EduReceiver>

  /** By the types of EDUs. All others are passed over. */
  constructor(receivers: Readonly<Record<string, EduReceiver>>) {
    this.#receivers = new Map(Object.entries(receivers))
  }

  async receive(origin: ServerName, edu: Edu): Promise<void> {
    try {
      await this.#receivers.get(edu.type)?.receive(origin, edu)
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      log.debug({ origin, type: edu.type, error }, 'an EDU is passed over')
    }
  }
}
