/**
 * Hands text messages to a gateway of the administrator's choice, as `POST {"to": "447700900001", "text": "…"}` with
 * the secret as bearer token. Any 2xx means that it will be delivered.
 */
import type { Config } from '../../../config/schema.ts'
import { refuse } from '../../../core/errors.ts'
import type { Clock } from '../../../platform/clock.ts'
import { createFetcher, type Fetcher } from '../../../platform/fetch.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import { logger } from '../../../platform/log.ts'

const TIMEOUT_MS = 15_000

const log = logger('sms')

export class SmsGateway implements Service {
  readonly name = 'SMS gateway'
  readonly #settings: Config['sms']
  readonly #fetch: Fetcher

  constructor({ sms, clock }: { sms: Config['sms']; clock: Clock }) {
    this.#settings = sms
    this.#fetch = createFetcher({ deny: [], clock }) // the administrator named this one address, so it may be a private one
  }

  get isOn(): boolean {
    return this.#settings.gateway !== undefined
  }

  /** Throws 502 `M_UNKNOWN` if the gateway does not take it. */
  async send(to: string, text: string): Promise<void> {
    const { gateway = '', secret } = this.#settings
    const headers = {
      'content-type': 'application/json',
      ...(secret ? { authorization: `Bearer ${secret.reveal()}` } : {}),
    }
    const body = JSON.stringify({ to, text })
    try {
      const { status } = await this.#fetch(gateway, { method: 'POST', headers, body, timeoutMs: TIMEOUT_MS })
      if (status >= 200 && status < 300) return
      log.error({ status }, 'the SMS gateway refused a message')
    } catch (error) {
      log.error({ error }, 'the SMS gateway could not be reached')
    }
    throw refuse(502, 'M_UNKNOWN', 'The message could not be sent: tell the administrator of this server')
  }

  stop(): Promise<void> {
    this.#fetch.close()
    return Promise.resolve()
  }
}
