/** Messages to this device. They have a place of their own, so that one connection can fetch them for all. */
import { type DevicesParts, maxMessages } from '../../sections/devices.ts'
import type { Extension, ExtensionAnswer, Scene } from './extension.ts'
import { nothingToSay } from './extension.ts'

export class ToDeviceExtension implements Extension {
  readonly name = 'to_device'
  readonly #parts: Pick<DevicesParts, 'notifier' | 'toDevice'>

  constructor(parts: Pick<DevicesParts, 'notifier' | 'toDevice'>) {
    this.#parts = parts
  }

  async answer({ span: { who, upto }, request }: Scene): Promise<ExtensionAnswer> {
    const asked = request.extensions.to_device
    if (!asked?.enabled || who.deviceId === undefined) return nothingToSay
    const { notifier, toDevice } = this.#parts
    const after = asked.since ?? 0
    // What the device has, as it shows by coming back, is kept no longer.
    if (asked.since !== undefined) await toDevice.acknowledge(who.userId, who.deviceId, after)
    const isQuiet = after >= upto.to_device || !notifier.userChanged('to_device', who.userId, after)
    const limit = Math.min(asked.limit, maxMessages)
    const messages = isQuiet
      ? []
      : await toDevice.list(who.userId, who.deviceId, { after, upto: upto.to_device, limit })
    const last = messages.length === limit ? messages.at(-1)?.streamId : undefined
    const events = messages.map(({ event }) => event).join(',')
    return {
      text: `{"next_batch":"${last ?? upto.to_device}","events":[${events}]}`,
      hasNews: messages.length > 0,
    }
  }
}
