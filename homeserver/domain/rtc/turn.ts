/**
 * What a client needs to use the TURN server: a name that says until when it is good, and a password that only we and that
 * server can make. https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00
 */
import { createHmac } from 'node:crypto'
import type { Config } from '../../config/schema.ts'
import type { UserId } from '../../core/ids.ts'

export interface TurnCredentials {
  readonly username: string
  readonly password: string
  /** In seconds. */
  readonly ttl: number
  readonly uris: readonly string[]
}

/** Undefined without a TURN server. `now` is in milliseconds since the epoch. */
export function turnCredentials(
  { uris, secret, lifetime }: Config['calls']['turn'],
  userId: UserId,
  now: number,
): TurnCredentials | undefined {
  if (uris.length === 0 || !secret) return undefined
  const ttl = Math.floor(lifetime / 1000)
  const username = `${Math.floor(now / 1000) + ttl}:${userId}`
  const password = createHmac('sha1', secret.reveal()).update(username).digest('base64')
  return { username, password, ttl, uris }
}
