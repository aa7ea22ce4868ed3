/** What webhooks are to be told, until they have taken it. */
import type { Conn, Tx } from '../../appservice/database.ts'

export interface Delivery {
  readonly hook_id: string
  readonly seq: number
  readonly event_id: string
  readonly body: string
  readonly attempts: number
}

/** Adds it behind the others, once for an event. Of those beyond `max` the oldest go: gives how many. */
export async function addDelivery(
  tx: Tx,
  { hookId, eventId, body }: { hookId: string; eventId: string; body: string },
  max: number,
): Promise<number> {
  const last = await tx.row<{ seq: number | null }>(
    'select max(seq) as seq from webhook_deliveries where hook_id = ?',
    [hookId],
  )
  const seq = Number(last?.seq ?? 0) + 1
  await tx.run(
    'insert into webhook_deliveries (hook_id, seq, event_id, body) values (?, ?, ?, ?) on conflict do nothing',
    [hookId, seq, eventId, body],
  )
  return await tx.run('delete from webhook_deliveries where hook_id = ? and seq <= ?', [hookId, seq - max])
}

export async function firstDelivery(conn: Conn, hookId: string): Promise<Delivery | undefined> {
  return await conn.row<Delivery>(
    'select hook_id, seq, event_id, body, attempts from webhook_deliveries where hook_id = ? order by seq limit 1',
    [hookId],
  )
}

export async function waitingHooks(conn: Conn): Promise<string[]> {
  const rows = await conn.rows<{ hook_id: string }>('select distinct hook_id from webhook_deliveries')
  return rows.map(({ hook_id: hookId }) => hookId)
}

export async function removeDelivery(tx: Tx, { hook_id: hookId, seq }: Delivery): Promise<void> {
  await tx.run('delete from webhook_deliveries where hook_id = ? and seq = ?', [hookId, seq])
}

export async function removeDeliveries(tx: Tx, hookId: string): Promise<void> {
  await tx.run('delete from webhook_deliveries where hook_id = ?', [hookId])
}

export async function noteAttempt(tx: Tx, { hook_id: hookId, seq }: Delivery): Promise<void> {
  await tx.run('update webhook_deliveries set attempts = attempts + 1 where hook_id = ? and seq = ?', [hookId, seq])
}
