/** A way to a server that can be shut: what goes through it is cut off, whatever state it is in. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Place {
  readonly host: string
  readonly port: number
}

export class Gate implements AsyncDisposable {
  /** Where it leads; may be changed for connections to come. */
  target: Place
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isShut = false

  private constructor(server: Server, target: Place) {
    this.#server = server
    this.target = target
    server.on('connection', (socket) => this.#pass(socket))
  }

  /** Listens at `place`. */
  static async open(place: Place, target: Place): Promise<Gate> {
    const server = createServer()
    const gate = new Gate(server, target)
    server.listen(place.port, place.host)
    await once(server, 'listening')
    return gate
  }

  /** Requests that are on their way lose their answers; new connections are reset. */
  shut(): void {
    this.#isShut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  reopen(): void {
    this.#isShut = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.shut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #pass(socket: Socket): void {
    if (this.#isShut) return void socket.resetAndDestroy()
    const onward = connect(this.target)
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }
}
