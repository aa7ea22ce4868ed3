/** Which process works for a bot, and until when. */
import type { Conn, Tx } from '../../appservice/database.ts'

/** False where somebody else has it. */
export async function takeLease(
  tx: Tx,
  {
    bot,
    holder,
    now,
    until,
  }: { bot: { readonly id: string; readonly username: string }; holder: string; now: number; until: number },
): Promise<boolean> {
  await tx.run('insert into telegram_bots (bot_id, username, next_update) values (?, ?, 0) on conflict do nothing', [
    bot.id,
    bot.username,
  ])
  const taken = await tx.run(
    `update telegram_bots set lease_holder = ?, lease_until = ?
      where bot_id = ? and (lease_holder is null or lease_holder = ? or lease_until <= ?)`,
    [holder, until, bot.id, holder, now],
  )
  return taken > 0
}

export async function endLease(tx: Tx, { botId, holder }: { botId: string; holder: string }): Promise<void> {
  await tx.run('update telegram_bots set lease_holder = null where bot_id = ? and lease_holder = ?', [botId, holder])
}

/** Who works for the bot, and until when; undefined where nobody does. */
export async function leaseOf(
  conn: Conn,
  botId: string,
): Promise<{ readonly holder: string; readonly until: number } | undefined> {
  const row = await conn.row<{ lease_holder: string | null; lease_until: number }>(
    'select lease_holder, lease_until from telegram_bots where bot_id = ?',
    [botId],
  )
  return row && row.lease_holder !== null ? { holder: row.lease_holder, until: Number(row.lease_until) } : undefined
}

/** The bot with which rooms are bridged, if it is another than this one. */
export async function otherBot(conn: Conn, botId: string): Promise<string | undefined> {
  const row = await conn.row<{ username: string }>(
    `select username from telegram_bots where bot_id <> ?
      and not exists (select 1 from telegram_bots where bot_id = ?) and exists (select 1 from telegram_portals)`,
    [botId, botId],
  )
  return row?.username
}
