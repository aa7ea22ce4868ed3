/** An answer with `ok: false`, in the words of the Bot API server. */
export interface ProblemParameters {
  readonly retry_after?: number
  readonly migrate_to_chat_id?: number
}

export class Problem extends Error {
  override name = 'Problem'
  readonly code: number
  readonly parameters: ProblemParameters | undefined

  constructor(code: number, description: string, parameters?: ProblemParameters) {
    super(description)
    this.code = code
    this.parameters = parameters
  }
}

export const bad = (why: string): Problem => new Problem(400, `Bad Request: ${why}`)
export const forbidden = (why: string): Problem => new Problem(403, `Forbidden: ${why}`)
export const conflict = (why: string): Problem => new Problem(409, `Conflict: ${why}`)
export const tooMany = (seconds: number): Problem =>
  new Problem(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds })
