/** An SMTP server on a free port, which keeps the letters that it gets. */
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'

export interface CaughtLetter {
  readonly to: readonly string[]
  /** Headers and body as they came. */
  readonly source: string
  /** The first web address in it. */
  readonly link: string | undefined
}

export class Mailbox implements AsyncDisposable {
  readonly letters: CaughtLetter[] = []
  readonly #server: SMTPServer
  #waiters: (() => void)[] = []

  private constructor() {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, { envelope }, done) => {
        void text(stream).then((source) => {
          const plain = source.replaceAll('=\r\n', '').replaceAll('=3D', '=')
          const to = envelope.rcptTo.map(({ address }) => address)
          this.letters.push({ to, source, link: /https?:\/\/\S+/.exec(plain)?.[0] })
          done()
          for (const wake of this.#waiters.splice(0)) wake()
        })
      },
    })
  }

  static async start(): Promise<Mailbox> {
    const mailbox = new Mailbox()
    await new Promise<void>((resolve) => mailbox.#server.listen(0, '127.0.0.1', resolve))
    return mailbox
  }

  /** The settings with which a server sends here. */
  get config(): string {
    const { port } = this.#server.server.address() as AddressInfo // it listens on TCP
    return `mail: { host: 127.0.0.1, port: ${port}, encryption: none }`
  }

  /** The letter with this number, as soon as it is there. */
  async letter(index: number): Promise<CaughtLetter> {
    for (;;) {
      const letter = this.letters[index]
      if (letter) return letter
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(resolve))
  }
}
