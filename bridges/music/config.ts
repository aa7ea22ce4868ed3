import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Counter } from '../../homeserver/platform/metrics.ts'
import type { Registration } from '../appservice/registration.ts'

export interface MusicConfig {
  readonly homeserverUrl: string
  readonly serverName: string
  readonly registration: Registration
  /** The socket by which the homeserver tells of events. */
  readonly socket: string
  /** Where files are while they play. Nothing else is in it. */
  readonly directory: string
  /** Where this machine reaches the SFU, `ws://…`; undefined: where everybody does. */
  readonly sfuUrl: string | undefined
  /** The program `ffmpeg`, if there is one. */
  readonly ffmpeg: string | undefined
}

export interface MusicParts {
  readonly config: MusicConfig
  readonly clock: Clock
  /** `ended`, `skipped`, `failed`. */
  readonly played: Counter<'result'>
}

/** Rooms that have music at a time, and files that wait in one of them. */
export const MAX_ROOMS = 10
export const MAX_QUEUE = 50
/** Bytes of a file. */
export const MAX_FILE = 100 * 1024 * 1024
/** Of a file so much is played. */
export const MAX_SECONDS = 2 * 3600
/** So long the bot plays for nobody. */
export const ALONE_MS = 60_000
