/** What concerns the devices of users: messages to this one, keys it has left, lists of others' devices that changed. */
import type { RoomId } from '../../../core/ids.ts'
import type { DeviceLists } from '../../devices/device-lists.ts'
import type { OneTimeKeys } from '../../devices/one-time-keys.ts'
import type { ToDevice } from '../../devices/to-device.ts'
import type { Notifier } from '../notifier.ts'
import { sinceOf, type Span } from '../span.ts'

/** Messages in one answer. https://spec.matrix.org/v1.19/client-server-api/#protocol-definitions-4 */
export const maxMessages = 100

export interface DevicesParts {
  readonly notifier: Notifier
  readonly toDevice: Pick<ToDevice, 'list' | 'acknowledge'>
  readonly deviceLists: Pick<DeviceLists, 'changes'>
  readonly oneTimeKeys: Pick<OneTimeKeys, 'left'>
}

export interface ToDeviceNews {
  /** Texts of events. */
  readonly texts: readonly string[]
  /** The place up to which the device has got everything. */
  readonly upto: number
}

export class DevicesSection {
  readonly #parts: DevicesParts

  constructor(parts: DevicesParts) {
    this.#parts = parts
  }

  /** What a device has, as it shows by coming back, is kept no longer. */
  async acknowledge({ who, since }: Span): Promise<void> {
    if (who.deviceId === undefined || !since) return
    await this.#parts.toDevice.acknowledge(who.userId, who.deviceId, since.to_device)
  }

  async messages(span: Span): Promise<ToDeviceNews> {
    const { who, upto } = span
    const { notifier, toDevice } = this.#parts
    const after = sinceOf(span, 'to_device')
    const isQuiet = after >= upto.to_device || !notifier.userChanged('to_device', who.userId, after)
    if (who.deviceId === undefined || isQuiet) return { texts: [], upto: upto.to_device }
    const range = { after, upto: upto.to_device, limit: maxMessages }
    const messages = await toDevice.list(who.userId, who.deviceId, range)
    const last = messages.length === maxMessages ? messages.at(-1)?.streamId : undefined
    return { texts: messages.map(({ event }) => event), upto: last ?? upto.to_device }
  }

  /** The text of `device_lists`, if there is any change. `moved` are the rooms where somebody came or went. */
  async lists({ who, since, upto }: Span, moved: readonly RoomId[], hasNews: boolean): Promise<string | undefined> {
    if (!since || (moved.length === 0 && !hasNews)) return undefined
    const from = { events: since.events, device_lists: hasNews ? since.device_lists : upto.device_lists }
    const { changed, left } = await this.#parts.deviceLists.changes(who.userId, from, upto, moved)
    if (changed.length === 0 && left.length === 0) return undefined
    return `{"changed":${JSON.stringify(changed)},"left":${JSON.stringify(left)}}`
  }

  /** Members of the answer that are in each one. */
  async keys({ who }: Span): Promise<string> {
    if (who.deviceId === undefined) return ''
    const { counts, unusedFallbacks } = await this.#parts.oneTimeKeys.left(who.userId, who.deviceId)
    const unused = JSON.stringify(unusedFallbacks)
    return (
      `,"device_one_time_keys_count":${JSON.stringify(counts)},"device_unused_fallback_key_types":${unused},` +
      `"org.matrix.msc2732.device_unused_fallback_key_types":${unused}`
    )
  }
}
