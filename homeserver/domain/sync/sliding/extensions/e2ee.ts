/** Keys that this device has left, and whose devices have changed. */
import { type DevicesParts, DevicesSection } from '../../sections/devices.ts'
import type { Extension, ExtensionAnswer, Scene } from './extension.ts'
import { nothingToSay } from './extension.ts'

export class E2eeExtension implements Extension {
  readonly name = 'e2ee'
  readonly #parts: DevicesParts
  readonly #section: DevicesSection

  constructor(parts: DevicesParts) {
    this.#parts = parts
    this.#section = new DevicesSection(parts)
  }

  async answer({ span, request, met }: Scene): Promise<ExtensionAnswer> {
    const { who, since, upto } = span
    if (!request.extensions.e2ee?.enabled || who.deviceId === undefined) return nothingToSay
    const isMoved = since !== undefined && since.device_lists < upto.device_lists
    const [left, lists] = await Promise.all([
      this.#parts.oneTimeKeys.left(who.userId, who.deviceId),
      this.#section.lists(span, met.rooms, isMoved),
    ])
    const counts = JSON.stringify(left.counts)
    const unused = JSON.stringify(left.unusedFallbacks)
    const moved = lists === undefined ? '' : `,"device_lists":${lists}`
    return {
      text: `{"device_one_time_keys_count":${counts},"device_unused_fallback_key_types":${unused}${moved}}`,
      hasNews: lists !== undefined,
    }
  }
}
