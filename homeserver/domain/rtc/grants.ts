/** Tokens for the SFU, each with no more rights than its holder needs (T89). https://docs.livekit.io/home/get-started/authentication/ */
import type { Clock } from '../../platform/clock.ts'
import { type ApiKey, signJwt } from './jwt.ts'

/** A token only opens the door: whoever is in gets new ones from the SFU itself. */
const JOIN_SECONDS = 3600
const ADMIN_SECONDS = 60
/** Clocks of clients, of the SFU and of this server differ. */
const SKEW_SECONDS = 10

export interface JoinGrant {
  readonly sfuRoom: string
  readonly identity: string
  readonly canPublish: boolean
  readonly canUpdateOwnMetadata: boolean
}

/** For a client: to come into one room, and nothing else. Creating a room would allow deleting any. */
export async function joinToken(
  { sfuRoom, identity, ...rights }: JoinGrant,
  key: ApiKey,
  clock: Pick<Clock, 'now'>,
): Promise<string> {
  const video = { room: sfuRoom, roomJoin: true, roomCreate: false, canSubscribe: true, ...rights }
  return await signJwt({ sub: identity, ...lifeOf(JOIN_SECONDS, clock), video }, key)
}

/** For this server: one call of the SFU's own API. */
export type AdminGrant =
  { readonly roomCreate: true } | { readonly roomList: true } | { readonly roomAdmin: true; readonly room: string }

export async function adminToken(video: AdminGrant, key: ApiKey, clock: Pick<Clock, 'now'>): Promise<string> {
  return await signJwt({ sub: 'domovoi', ...lifeOf(ADMIN_SECONDS, clock), video }, key)
}

function lifeOf(seconds: number, clock: Pick<Clock, 'now'>): { nbf: number; exp: number } {
  const nbf = Math.floor(clock.now() / 1000) - SKEW_SECONDS
  return { nbf, exp: nbf + seconds }
}
