/** Hands the EDUs of other servers to those who know them. https://spec.matrix.org/v1.19/server-server-api/#edus */
import type { ServerName } from '../../../core/ids.ts'
import type { Edu, EduReceiver } from '../receive/edu-receiver.ts'

export class EduRouter implements EduReceiver {
  readonly #receivers: ReadonlyMap<string, EduReceiver>

  /** By the types of EDUs. All others are passed over. */
  constructor(receivers: Readonly<Record<string, EduReceiver>>) {
    this.#receivers = new Map(Object.entries(receivers))
  }

  async receive(origin: ServerName, edu: Edu): Promise<void> {
    await this.#receivers.get(edu.type)?.receive(origin, edu)
  }
}
