/** What people have chosen in their chat with the bot. */
import type { Conn, Tx } from '../../appservice/database.ts'

export interface Choices {
  /** Of what the bot says to them; null for that of their app. */
  readonly language: string | null
  /** 0 where their ghost speaks for them, although they are linked. */
  readonly is_puppet: number
}

export async function choicesOf(conn: Conn, tgUser: string): Promise<Choices | undefined> {
  return await conn.row<Choices>('select language, is_puppet from telegram_settings where tg_user = ?', [tgUser])
}

export async function setChoices(tx: Tx, tgUser: string, { language, is_puppet: isPuppet }: Choices): Promise<void> {
  await tx.run(
    `insert into telegram_settings (tg_user, language, is_puppet) values (?, ?, ?)
      on conflict (tg_user) do update set language = excluded.language, is_puppet = excluded.is_puppet`,
    [tgUser, language, isPuppet],
  )
}
