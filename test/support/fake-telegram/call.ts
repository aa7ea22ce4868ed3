import type { FakeBot } from './bot.ts'
import type { Params } from './params.ts'
import type { World } from './world.ts'

/** A call of a method, with what the method needs to answer it. */
export interface Call {
  readonly world: World
  readonly bot: FakeBot
  readonly params: Params
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal
}

export type Method = (call: Call) => unknown
