/** Which process works for a bot, and until when. */
import type { Tx } from '../../appservice/database.ts'

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
