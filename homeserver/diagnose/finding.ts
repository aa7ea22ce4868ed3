/** What was looked at, and how it is. */

type Level = 'good' | 'warn' | 'fail'

export interface Finding {
  readonly area: string
  readonly level: Level
  /** A sentence without its full stop. */
  readonly what: string
  /** What mends it: a command or a setting. */
  readonly fix?: string
}

export const good = (area: string, what: string): Finding => ({ area, level: 'good', what })
export const warn = (area: string, what: string, fix: string): Finding => ({ area, level: 'warn', what, fix })
export const fail = (area: string, what: string, fix: string): Finding => ({ area, level: 'fail', what, fix })
