/** What users made of the push rules: one document each. */
import type { OwnRules } from '../core/push-rules/ruleset.ts'
import type { UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

interface Row {
  readonly user_id: UserId
  readonly rules: string
  readonly stream_id: number
}

export interface StoredRules {
  readonly userId: UserId
  readonly rules: OwnRules
  /** The position of the push rules stream at which they became so. */
  readonly streamId: number
}

/** Of those users who changed anything. */
export async function listPushRules(conn: Conn, userIds: readonly UserId[]): Promise<StoredRules[]> {
  const rows = await rowsIn<Row>(conn, 'select user_id, rules, stream_id from push_rules where user_id in (?)', userIds)
  return rows.map((row) => ({
    userId: row.user_id,
    rules: JSON.parse(row.rules) as OwnRules, // written by setPushRules
    streamId: row.stream_id,
  }))
}

export async function setPushRules(tx: Tx, { userId, rules, streamId }: StoredRules): Promise<void> {
  await tx.run(
    `insert into push_rules (user_id, rules, stream_id) values (?, ?, ?)
       on conflict (user_id) do update set rules = excluded.rules, stream_id = excluded.stream_id`,
    [userId, JSON.stringify(rules), streamId],
  )
}
