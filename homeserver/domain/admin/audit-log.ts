/** What administrators have done and tried, for good. */
import { NumberLiteral } from '../../core/canonical-json.ts'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { addAuditEntry, listAuditEntries } from '../../storage/audit-log.ts'
import type { Database } from '../../storage/database.ts'

export interface AuditedAct {
  readonly actor: UserId
  readonly ip: string
  readonly action: string
  readonly details: Readonly<Record<string, unknown>>
  /** Undefined: it was done. */
  readonly errcode?: string | undefined
}

const MAX_DETAILS = 4_000

export class AuditLog {
  readonly #database: Database
  readonly #clock: Clock

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  async add({ actor, ip, action, details, errcode }: AuditedAct): Promise<void> {
    const text = JSON.stringify(details, roundedNumber)
    const entry = {
      ts: this.#clock.now(),
      actor,
      ip,
      action,
      details: text.length > MAX_DETAILS ? JSON.stringify({ characters: text.length }) : text,
      errcode: errcode ?? null,
    }
    await this.#database.transaction('note in the audit log', (tx) => addAuditEntry(tx, entry))
  }

  /** The newest first; `before` is the number of an entry. */
  async list(options: { before: number | undefined; limit: number }) {
    const entries = await listAuditEntries(this.#database, options)
    return entries.map(({ details, ...entry }) => ({ ...entry, details: JSON.parse(details) as object }))
  }
}

/** What only events keep to the last digit. */
function roundedNumber(_: string, value: unknown): unknown {
  return typeof value === 'bigint' || value instanceof NumberLiteral ? Number(value) : value
}
