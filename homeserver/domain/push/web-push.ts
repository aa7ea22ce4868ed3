/**
 * Tells browsers, and apps that can be told in the same way, by the push service that each of them has chosen.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4174, https://www.rfc-editor.org/rfc/rfc8030
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import { invalidParam } from '../../core/errors.ts'
import type { Pusher, PusherData, PusherSettings } from '../../storage/pushers.ts'
import type { GatewayAnswer, Gateways } from './gateway.ts'
import type { Vapid } from './vapid.ts'
import { encryptWebPush, isBrowserKey, maxWebPushBytes } from './web-push-encryption.ts'

/** For how long a service keeps what it cannot deliver yet, in seconds. */
const TTL = 86_400
const AUTH_BYTES = 16

type Address = Pick<PusherSettings, 'pushkey' | 'data'>

export class WebPush {
  readonly #gateways: Gateways
  readonly #vapid: Vapid

  constructor({ gateways, vapid }: { readonly gateways: Gateways; readonly vapid: Vapid }) {
    this.#gateways = gateways
    this.#vapid = vapid
  }

  /** The notification is that of a push gateway. Rejects only with the reason of `signal`. */
  async notify(pusher: Pusher, notification: JsonObject, signal: AbortSignal): Promise<GatewayAnswer> {
    const message = messageOf(pusher.data, notification)
    return await this.#send(pusher, message, notification['prio'] === 'low' ? 'low' : 'high', signal)
  }

  /** Sends what the app has to say back, to show that it hears. */
  async greet(pusher: Address & Pick<PusherSettings, 'appId'>, token: string, signal: AbortSignal): Promise<void> {
    const message = Buffer.from(JSON.stringify({ app_id: pusher.appId, ack_token: token }))
    await this.#send(pusher, message, 'high', signal)
  }

  async #send(
    { pushkey, data: { url = '', auth = '' } }: Address,
    message: Buffer,
    urgency: 'high' | 'low',
    signal: AbortSignal,
  ): Promise<GatewayAnswer> {
    const keys = { publicKey: Buffer.from(pushkey, 'base64url'), auth: Buffer.from(auth, 'base64url') }
    const headers = {
      authorization: await this.#vapid.authorization(new URL(url).origin), // it was one when the pusher was set
      'content-encoding': 'aes128gcm',
      'content-type': 'application/octet-stream',
      ttl: `${TTL}`,
      urgency,
    }
    return await this.#gateways.push(url, { headers, body: encryptWebPush(message, keys) }, signal)
  }
}

/** Throws `M_INVALID_PARAM` for what no browser gives. Whether it is active is ours to say. */
export function checkedSubscription(pushkey: string, { activated: _activated, ...data }: JsonObject): PusherData {
  const { url, auth } = data
  const parsed = typeof url === 'string' ? URL.parse(url) : null
  if (typeof url !== 'string' || parsed?.protocol !== 'https:') throw invalidParam('The url must be https')
  if (parsed.username !== '' || parsed.password !== '') throw invalidParam('The url cannot hold a password')
  const isSecret = typeof auth === 'string' && bytesOf(auth)?.length === AUTH_BYTES
  if (!isSecret) throw invalidParam(`auth must be ${AUTH_BYTES} bytes in base64url`)
  const key = bytesOf(pushkey)
  if (!key || !isBrowserKey(key)) throw invalidParam('The pushkey must be a point of P-256 in base64url')
  return { ...data, url }
}

function bytesOf(text: string): Buffer | undefined {
  return /^[\w-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64url') : undefined
}

/** As much of the notification as fits into one message, with what the app wants to have with each. */
function messageOf(
  { default_payload: always }: PusherData,
  { devices: _devices, ...notification }: JsonObject,
): Buffer {
  const { content: _content, ...brief } = notification
  const { event_id, room_id, counts } = brief
  const extra = isJsonObject(always) ? always : {}
  for (const told of [
    { ...extra, ...notification },
    { ...extra, ...brief },
  ]) {
    const message = Buffer.from(JSON.stringify(told))
    if (message.length <= maxWebPushBytes) return message
  }
  return Buffer.from(JSON.stringify({ event_id, room_id, counts }))
}
