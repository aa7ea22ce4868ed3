/** Whom the bridge does not serve: Matrix users, and ids of Telegram. */
import type { Conn, Tx } from '../../appservice/database.ts'

export interface Ban {
  readonly person: string
  readonly actor: string
  readonly at: number
}

/** As many as an admin may write by hand. */
const MAX_BANS = 10_000

export async function allBans(conn: Conn): Promise<Ban[]> {
  return await conn.rows<Ban>('select person, actor, at from telegram_bans order by at limit ?', [MAX_BANS])
}

export async function addBan(tx: Tx, { person, actor, at }: Ban): Promise<void> {
  await tx.run('insert into telegram_bans (person, actor, at) values (?, ?, ?) on conflict do nothing', [
    person,
    actor,
    at,
  ])
}

/** Gives whether there was one. */
export async function removeBan(tx: Tx, person: string): Promise<boolean> {
  return (await tx.run('delete from telegram_bans where person = ?', [person])) > 0
}
