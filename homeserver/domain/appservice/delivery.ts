/** Tells all application services what concerns them, each at its own pace. */
import type { Bell, Bus } from '../../platform/bus.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Appservices } from '../accounts/appservices.ts'
import type { TypingNews } from '../ephemeral/typing.ts'
import { EventLog } from './event-log.ts'
import { AppserviceSender, type SenderParts } from './sender.ts'

export interface DeliveryParts extends Omit<SenderParts, 'log'> {
  readonly bus: Bus
  readonly appservices: Appservices
}

const log = logger('appservice')

export class AppserviceDelivery implements Service {
  readonly name = 'application services'
  readonly #parts: DeliveryParts
  /** By their ids: those that have a URL. */
  #senders: ReadonlyMap<string, AppserviceSender> = new Map()
  #log: EventLog | undefined
  #leave: (() => void) | undefined
  /** Starting, stopping and reloading go one after the other. */
  #turn: Promise<void> = Promise.resolve()

  constructor(parts: DeliveryParts) {
    this.#parts = parts
    parts.appservices.subscribe({
      reloaded: () => {
        parts.interest.clear()
        if (this.#leave) void this.#reload()
      },
      heard: ({ id }) => this.#senders.get(id)?.heard(),
    })
  }

  async start(): Promise<void> {
    this.#leave = this.#parts.bus.subscribe((bell) => this.#heard(bell))
    await this.#inTurn(() => this.#replace())
  }

  async stop(): Promise<void> {
    this.#leave?.()
    this.#leave = undefined
    await this.#inTurn(() => this.#end())
    this.#parts.client.close()
  }

  async #reload(): Promise<void> {
    try {
      await this.#inTurn(() => this.#replace())
    } catch (error) {
      log.error({ error }, 'application services hear nothing until their registrations are read again')
    }
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    await done
  }

  async #replace(): Promise<void> {
    await this.#end()
    const { appservices } = this.#parts
    const told = appservices.all.filter(({ url }) => url !== undefined)
    if (told.length === 0 || !this.#leave) return
    this.#log = new EventLog(this.#parts)
    const parts = { ...this.#parts, log: this.#log }
    const senders = await Promise.all(told.map((appservice) => AppserviceSender.open(appservice, parts)))
    this.#senders = new Map(senders.map((sender) => [sender.appservice.id, sender]))
    // What happened before they could hear it.
    for (const sender of senders) sender.wake()
  }

  async #end(): Promise<void> {
    const senders = [...this.#senders.values()]
    this.#senders = new Map()
    await Promise.all(senders.map((sender) => sender.stop()))
    this.#log?.[Symbol.dispose]()
    this.#log = undefined
  }

  #heard(bell: Bell): void {
    for (const sender of this.#senders.values()) {
      const { receivesEphemeral, receivesEncryption } = sender.appservice
      switch (bell.stream) {
        case 'events':
          sender.wake()
          break
        case 'typing':
          // Only typing.ts rings this stream.
          if (receivesEphemeral && bell.payload) sender.typed((bell.payload as TypingNews).roomId)
          break
        case 'receipts':
        case 'presence':
          if (receivesEphemeral) sender.wake()
          break
        case 'to_device':
          if (receivesEphemeral || receivesEncryption) sender.wake()
          break
        case 'device_lists':
          if (receivesEncryption) sender.wake()
          break
      }
    }
  }
}
