/** Steps that are told of one by one; the first that fails says what is probably wrong, and ends it all. */
import { messageOf } from '../../platform/caught.ts'

/** A step failed; the message holds cause and fix. */
export class StepFailed extends Error {
  override name = 'StepFailed'
}

export type Advise = (error: unknown) => string

export interface StepResult<T> {
  readonly value: T
  readonly detail: string
}

/** Throws `StepFailed` with what `advise` says. */
export type Step = <T>(name: string, advise: Advise, work: () => Promise<StepResult<T>>) => Promise<T>

export function stepper(report: (line: string) => void): Step {
  return async (name, advise, work) => {
    const began = performance.now()
    try {
      const { value, detail } = await work()
      const ms = Math.round(performance.now() - began)
      report(`ok    ${name.padEnd(28)}${String(ms).padStart(6)} ms  ${detail}`.trimEnd())
      return value
    } catch (error) {
      report(`FAIL  ${name}`)
      const cause = messageOf(error)
      throw new StepFailed(`${cause}\n${advise(error)}`, { cause: error })
    }
  }
}
