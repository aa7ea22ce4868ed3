/** The SFU as this server asks it. https://docs.livekit.io/reference/other/roomservice-api/ */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import { type AdminGrant, adminToken } from './grants.ts'
import type { ApiKey } from './jwt.ts'

/** Where an SFU is to be found. */
export interface SfuPlace {
  /** For clients: `wss://…`. */
  readonly publicUrl: string
  readonly key: ApiKey
  /** For this server: `http://…`; undefined while the SFU is down. */
  internalUrl(): string | undefined
}

export interface SfuParticipant {
  readonly identity: string
  /** Names this one connection. */
  readonly sid: string
  /** Milliseconds since the epoch. */
  readonly joinedTs: number
  readonly tracks: readonly SfuTrack[]
}

/** What somebody sends. */
export interface SfuTrack {
  /** Such as `microphone`, `camera`, `screen_share`. */
  readonly source: string
  /** Such as `audio/opus`. */
  readonly codec: string
  readonly isMuted: boolean
  /** Of pictures, in pixels. */
  readonly width: number | undefined
  readonly height: number | undefined
}

/** It could not be asked, or it refused. */
export class SfuError extends Error {
  override name = 'SfuError'
  /** Of the RPC protocol, such as `not_found`; undefined if there was no answer. */
  readonly code: string | undefined

  constructor(message: string, code: string | undefined, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** What a room does when nobody is in it, in seconds: before the first has come, and after the last has gone. */
const roomTimes = { empty_timeout: 300, departure_timeout: 20 }
const TIMEOUT_MS = 5_000

export class Sfu {
  readonly place: SfuPlace
  readonly #fetch: Fetcher
  readonly #clock: Clock

  constructor({ place, fetch, clock }: { place: SfuPlace; fetch: Fetcher; clock: Clock }) {
    this.place = place
    this.#fetch = fetch
    this.#clock = clock
  }

  /** Does nothing if the room is there. Throws `SfuError`, as all do. */
  async createRoom(name: string): Promise<void> {
    await this.#call('CreateRoom', { name, ...roomTimes, max_participants: 0 }, { roomCreate: true })
  }

  /** Those of `names` that are there now. */
  async liveRooms(names: readonly string[]): Promise<string[]> {
    const { rooms } = await this.#call('ListRooms', { names: [...names] }, { roomList: true })
    return objectsIn(rooms).map(({ name }) => textOf(name))
  }

  /** Nobody, if there is no such room. */
  async participants(room: string): Promise<SfuParticipant[]> {
    const { participants } = await this.#call('ListParticipants', { room }, { roomAdmin: true, room })
    return objectsIn(participants).map(({ identity, sid, joined_at: joined, tracks }) => ({
      identity: textOf(identity),
      sid: textOf(sid),
      joinedTs: Number(joined ?? 0) * 1000,
      tracks: objectsIn(tracks).map(trackOf),
    }))
  }

  /** False if there is no such participant. */
  async removeParticipant(room: string, identity: string): Promise<boolean> {
    return await isFound(this.#call('RemoveParticipant', { room, identity }, { roomAdmin: true, room }))
  }

  /** Everybody who is in it is out. False if there is no such room. */
  async deleteRoom(room: string): Promise<boolean> {
    return await isFound(this.#call('DeleteRoom', { room }, { roomCreate: true }))
  }

  async #call(method: string, body: JsonObject, grant: AdminGrant): Promise<JsonObject> {
    const { key } = this.place
    const url = this.place.internalUrl()
    if (url === undefined) throw new SfuError('The SFU is not running', undefined)
    const { status, body: bytes } = await this.#fetch(`${url}/twirp/livekit.RoomService/${method}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${await adminToken(grant, key, this.#clock)}`,
      },
      body: JSON.stringify(body),
      timeoutMs: TIMEOUT_MS,
    }).catch((error: unknown) => {
      throw new SfuError(`The SFU at ${url} cannot be reached`, undefined, error)
    })
    const answer = jsonIn(bytes.toString())
    if (status === 200) return answer
    const { code, msg } = answer
    const reason = typeof msg === 'string' ? `: ${msg}` : ''
    throw new SfuError(`The SFU answered ${method} with ${status}${reason}`, typeof code === 'string' ? code : '')
  }
}

function trackOf({ source, mime_type: codec, muted, width, height }: JsonObject): SfuTrack {
  return {
    source: textOf(source).toLowerCase(),
    codec: textOf(codec),
    isMuted: muted === true,
    width: Number(width) || undefined,
    height: Number(height) || undefined,
  }
}

async function isFound(call: Promise<JsonObject>): Promise<boolean> {
  try {
    await call
    return true
  } catch (error) {
    if (error instanceof SfuError && error.code === 'not_found') return false
    throw error
  }
}

function jsonIn(text: string): JsonObject {
  try {
    const value = JSON.parse(text) as Json
    return isJsonObject(value) ? value : {}
  } catch {
    return {}
  }
}

function objectsIn(list: Json | undefined): JsonObject[] {
  return Array.isArray(list) ? list.filter((item) => isJsonObject(item)) : []
}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
