/** The keys that many events are signed with. */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import { isUserId, serverNameOf, type ServerName } from '../../../core/ids.ts'
import type { Keys } from './verify-event.ts'

/** Keys asked for at once. */
const AT_ONCE = 100

export class WantedKeys {
  readonly #wanted = new Map<string, readonly [server: ServerName, keyId: string]>()

  /** Nothing is believed of the event. */
  add(event: Json): void {
    if (!isJsonObject(event) || !isUserId(event['sender'])) return
    const server = serverNameOf(event['sender'])
    for (const keyId of keyIdsOf(event, server)) this.#wanted.set(`${keyId} ${server}`, [server, keyId])
  }

  /** Side by side, because each server that does not answer takes its time. What is not found is missed later. */
  async fetch(keys: Keys): Promise<void> {
    await keys.warm([...this.#wanted.values()].map(([server]) => server))
    const left = this.#wanted.values()
    const work = async (): Promise<void> => {
      for (const [server, keyId] of left) await keys.verifierFor(server, keyId, undefined)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }
}

function keyIdsOf({ signatures }: JsonObject, server: ServerName): string[] {
  const ofServer = isJsonObject(signatures) && Object.hasOwn(signatures, server) ? signatures[server] : undefined
  return isJsonObject(ofServer) ? Object.keys(ofServer).slice(0, 1) : []
}
