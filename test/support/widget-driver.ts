/** What a widget asks of its host, done by the user's client, as Element Web does it. */
import { ClientEvent, MatrixError, type MatrixEvent, type Room, RoomEvent, RoomStateEvent } from 'matrix-js-sdk'
import type { MatrixClient } from 'matrix-js-sdk'
import { RoomStickyEventsEvent } from 'matrix-js-sdk/lib/models/room-sticky-events.js'
import type { Page } from 'playwright-core'

type Content = Record<string, never>
type ByDevice = Readonly<Record<string, Readonly<Record<string, Content>>>>
/** By the names that matrix-widget-api's `WidgetDriver` has for them, and `openIdToken`. */
export type Driver = Readonly<Record<string, (...given: never[]) => Promise<unknown>>>

export function driverOf(client: MatrixClient, room: Room): Driver {
  const { roomId } = room
  const sent = ({ event_id: eventId }: { event_id: string }) => ({ roomId, eventId })
  const scheduled = (answer: object) => ({ roomId, delayId: 'delay_id' in answer ? answer.delay_id : undefined })
  return {
    openIdToken: () => client.getOpenIdToken(),
    sendEvent: async (type: never, content: Content, stateKey?: string | null) =>
      sent(
        typeof stateKey === 'string'
          ? await client.sendStateEvent(roomId, type, content as never, stateKey)
          : await client.sendEvent(roomId, type, content as never),
      ),
    sendStickyEvent: async (duration: number, type: never, content: Content) =>
      sent(await client._unstable_sendStickyEvent(roomId, duration, null, type, content as never)),
    sendDelayedEvent: async (delay: number, type: never, content: Content, stateKey?: string | null) =>
      scheduled(
        typeof stateKey === 'string'
          ? await client._unstable_sendDelayedStateEvent(roomId, { delay }, type, content as never, stateKey)
          : await client._unstable_sendDelayedEvent(roomId, { delay }, null, type, content as never),
      ),
    sendDelayedStickyEvent: async (delay: number, duration: number, type: never, content: Content) =>
      scheduled(
        await client._unstable_sendStickyDelayedEvent(roomId, duration, { delay }, null, type, content as never),
      ),
    cancelScheduledDelayedEvent: (id: string) => client._unstable_cancelScheduledDelayedEvent(id),
    restartScheduledDelayedEvent: (id: string) => client._unstable_restartScheduledDelayedEvent(id),
    sendScheduledDelayedEvent: (id: string) => client._unstable_sendScheduledDelayedEvent(id),
    sendToDevice: async (type: string, encrypted: boolean, messages: ByDevice) => {
      const batch = batchOf(messages)
      if (!encrypted) return await client.queueToDevice({ eventType: type, batch })
      for (const { payload, ...device } of batch) await client.encryptAndSendToDevice(type, [device], payload)
    },
    readRoomState: (_room: string, type: string, stateKey?: string) => {
      const found = room.currentState.getStateEvents(type)
      const named = stateKey === undefined ? found : found.filter((event) => event.getStateKey() === stateKey)
      return Promise.resolve(named.map(clearOf))
    },
    readRoomTimeline: () => Promise.resolve([]),
    readStickyEvents: () => Promise.resolve([...room._unstable_getStickyEvents()].map(clearOf)),
    readEventRelations: () => Promise.resolve({ chunk: [] }),
    getMediaConfig: () => client.getMediaConfig(),
    getRtcTransports: async () => ({ rtc_transports: await client._unstable_getRTCTransports() }),
    getRtcLivekitToken: (request: Parameters<MatrixClient['_unstable_getLivekitToken']>[0]) =>
      client._unstable_getLivekitToken(request),
    delegateRtcLivekitDelayedLeave: (request: Parameters<MatrixClient['_unstable_delegateDelayedLeave']>[0]) =>
      client._unstable_delegateDelayedLeave(request),
  }
}

/** For a page: what a server refused comes as it was, since widgets look into that. */
export function answering(driver: Driver) {
  return async (name: string, given: readonly unknown[]): Promise<object> => {
    try {
      return { value: await driver[name]?.(...(given as never[])) }
    } catch (error) {
      const matrix = error instanceof MatrixError ? error.asWidgetApiErrorData() : undefined
      return { error: { message: String(error), matrix } }
    }
  }
}

/** Passes on what comes to the user, in its order; the page has `api`, a `ClientWidgetApi`. */
export function feed(page: Page, client: MatrixClient, room: Room): void {
  const fed = new Set<string>()
  let feeding: Promise<unknown> = Promise.resolve()
  const give = (method: string, what: () => Promise<readonly unknown[] | undefined>): void => {
    feeding = feeding.then(async () => {
      const given = await what()
      if (!given || page.isClosed()) return
      // whoever closes the page wants to hear no more
      await page.evaluate(`void api.${method}(...${JSON.stringify(given)})`).catch(() => undefined)
    })
  }
  const giveEvent = (event: MatrixEvent): void =>
    give('feedEvent', async () => {
      await client.decryptEventIfNeeded(event)
      const id = event.getId() ?? ''
      if (fed.has(id) || event.isDecryptionFailure()) return undefined
      fed.add(id)
      return [clearOf(event)]
    })
  client.on(RoomEvent.Timeline, (event, from, toStart) => {
    if (from?.roomId === room.roomId && toStart !== true && event.status === null) giveEvent(event)
  })
  room.on(RoomStickyEventsEvent.Update, (added, updated) => {
    for (const event of [...added, ...updated.map(({ current }) => current)]) giveEvent(event)
  })
  client.on(RoomStateEvent.Events, (event) => {
    if (event.getRoomId() === room.roomId) give('feedStateUpdate', () => Promise.resolve([clearOf(event)]))
  })
  client.on(ClientEvent.ReceivedToDeviceMessage, ({ message, encryptionInfo }) =>
    give('feedToDevice', () => Promise.resolve([message, encryptionInfo !== null])),
  )
}

const clearOf = (event: MatrixEvent): object => event.getEffectiveEvent()

const batchOf = (messages: ByDevice) =>
  Object.entries(messages).flatMap(([userId, devices]) =>
    Object.entries(devices).map(([deviceId, payload]) => ({ userId, deviceId, payload })),
  )
