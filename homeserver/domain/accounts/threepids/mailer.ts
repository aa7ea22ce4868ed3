/** Sends e-mail by the SMTP server of the configuration. Messages wait in memory only while they are being sent. */
import type { Transporter } from 'nodemailer'
import type { Config } from '../../../config/schema.ts'
import { refuse } from '../../../core/errors.ts'
import { logger } from '../../../platform/log.ts'
import type { Service } from '../../../platform/lifecycle.ts'

export interface Letter {
  readonly to: string
  readonly subject: string
  readonly text: string
  /** Further headers, such as `List-Unsubscribe`. */
  readonly headers?: Readonly<Record<string, string>>
}

const log = logger('mail')

const TIMEOUT_MS = 20_000
const MAX_CONNECTIONS = 2
/** Letters that wait for a connection. */
const MAX_WAITING = 100

export class Mailer implements Service {
  readonly name = 'mailer'
  readonly #settings: Config['mail']
  readonly #sender: string
  #transport: Promise<Transporter> | undefined
  #waiting = 0

  constructor({ mail, server_name: serverName }: Pick<Config, 'mail' | 'server_name'>) {
    this.#settings = mail
    this.#sender = mail.from ?? `Domovoi <noreply@${serverName.replace(/:\d+$/, '')}>`
  }

  get isOn(): boolean {
    return this.#settings.host !== undefined
  }

  /** Resolves when the SMTP server has taken it. Throws 502 `M_UNKNOWN` if it does not. */
  async send({ to, subject, text, headers = {} }: Letter): Promise<void> {
    if (this.#waiting >= MAX_WAITING)
      throw refuse(429, 'M_LIMIT_EXCEEDED', 'Too many letters are being sent: try again')
    this.#waiting++
    try {
      const transport = await (this.#transport ??= this.#connect())
      // An address as an object is one recipient, whatever stands in it.
      await transport.sendMail({ from: this.#sender, to: { name: '', address: to }, subject, text, headers })
    } catch (error) {
      log.error({ error }, 'an e-mail could not be sent')
      throw refuse(502, 'M_UNKNOWN', 'The e-mail could not be sent: tell the administrator of this server')
    } finally {
      this.#waiting--
    }
  }

  async stop(): Promise<void> {
    ;(await this.#transport)?.close()
  }

  /** Loaded with the first letter: a server without mail does without. */
  async #connect(): Promise<Transporter> {
    const { createTransport } = await import('nodemailer')
    const { host = '', port, encryption, user, password } = this.#settings
    return createTransport({
      host,
      port,
      secure: encryption === 'tls',
      requireTLS: encryption === 'starttls',
      ignoreTLS: encryption === 'none',
      ...(user === undefined ? {} : { auth: { user, pass: password?.reveal() ?? '' } }),
      pool: true,
      maxConnections: MAX_CONNECTIONS,
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    })
  }
}
