/** What all drills have in common. reliability goals: what was acknowledged is kept, whatever happens to the process. */

/** One line of a drill's output. */
export interface Outcome {
  readonly name: string
  readonly pass: boolean
  readonly figures: Readonly<Record<string, number | string>>
}

export interface DrillOptions {
  /** As the setting `database.url`; empty when the drill begins. Undefined: a SQLite file of its own. */
  readonly databaseUrl?: string | undefined
  /** How often the server is killed where chance says when; how many steps are tried where each has its turn. */
  readonly kills?: number | undefined
  /** Bounds of the time between two kills, in milliseconds. */
  readonly killAfterMs?: readonly [number, number] | undefined
}

export type Drill = (options: DrillOptions) => Promise<Outcome>

/** The value that `percent` of the numbers do not exceed. */
export function percentile(numbers: readonly number[], percent: number): number {
  const ascending = numbers.toSorted((a, b) => a - b)
  return ascending[Math.max(0, Math.ceil((ascending.length * percent) / 100) - 1)] ?? 0
}
