/** What the bot and the process that plays say to each other. */
import type { Kind } from './decode/kind.ts'

export interface Track {
  readonly path: string
  readonly kind: Kind
}

export type ToPlayer =
  | { readonly do: 'join'; readonly url: string; readonly jwt: string; readonly ffmpeg: string | undefined }
  | { readonly do: 'play'; readonly track: Track }
  | { readonly do: 'stop' | 'pause' | 'resume' }
  /** Of 100. */
  | { readonly do: 'volume'; readonly value: number }

export type FromPlayer =
  | { readonly did: 'join' | 'leave' }
  /** How many others are in the call. */
  | { readonly did: 'look'; readonly others: number }
  /** `problem` is for the log. */
  | { readonly did: 'end'; readonly problem: string | undefined }
