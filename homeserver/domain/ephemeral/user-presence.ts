/** The presence of one user, put together from what the devices do. https://spec.matrix.org/v1.19/client-server-api/#presence */
import type { PresenceState } from '../../storage/presence.ts'

/** A device that does not sync is offline after this. */
const offlineAfterMs = 30_000
/** A device that is online and does nothing is unavailable after this. */
const IDLE_AFTER_MS = 300_000
/** So long others are not told of each activity: the user is currently active. */
const ACTIVE_FOR_MS = 60_000

export interface PresenceDevice {
  state: 'online' | 'unavailable'
  lastActive: number
  lastSeen: number
  /** Requests to `/sync` that run. */
  syncs: number
}

/** What others see of a user, but for the time of the last activity. */
export interface ShownPresence {
  readonly state: PresenceState
  readonly currentlyActive: boolean
  /** Undefined: as it is stored. */
  readonly statusMsg: string | null | undefined
}

/** Times are milliseconds since the epoch. */
export class UserPresence {
  readonly #devices = new Map<string, PresenceDevice>()
  lastActive = 0
  statusMsg: string | null | undefined
  /** What others were last told. */
  told: ShownPresence = { state: 'offline', currentlyActive: false, statusMsg: undefined }

  /** Online is an activity, by which others see the user for some time. */
  set(deviceId: string, state: PresenceState, now: number): PresenceDevice | undefined {
    if (state === 'offline') {
      this.#devices.delete(deviceId)
      return undefined
    }
    const device = this.#devices.get(deviceId) ?? { state, lastActive: 0, lastSeen: now, syncs: 0 }
    this.#devices.set(deviceId, device)
    device.state = state
    device.lastSeen = now
    if (state === 'online') this.lastActive = device.lastActive = now
    return device
  }

  /** Brings a device back that was idle; one that is offline wants to be. */
  active(deviceId: string, now: number): void {
    this.lastActive = now
    const device = this.#devices.get(deviceId)
    if (device) Object.assign(device, { state: 'online', lastActive: now, lastSeen: now })
  }

  /** The most present device counts. Forgets those that have gone. */
  shown(now: number): ShownPresence {
    let state: PresenceState = 'offline'
    for (const [deviceId, device] of this.#devices) {
      if (device.syncs === 0 && now - device.lastSeen >= offlineAfterMs) this.#devices.delete(deviceId)
      else if (device.state === 'online' && now - device.lastActive < IDLE_AFTER_MS) state = 'online'
      else if (state === 'offline') state = 'unavailable'
    }
    const currentlyActive = state === 'online' && now - this.lastActive < ACTIVE_FOR_MS
    return { state, currentlyActive, statusMsg: this.statusMsg }
  }

  /** Whether others would see something new. */
  hasNews(now: number): boolean {
    const shown = this.shown(now)
    const { state, currentlyActive, statusMsg } = this.told
    return shown.state !== state || shown.currentlyActive !== currentlyActive || shown.statusMsg !== statusMsg
  }
}
