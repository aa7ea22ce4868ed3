/** Updates of Telegram, from when they are taken until they are in Matrix. */
import type { Conn, Tx } from '../../appservice/database.ts'

export interface StoredUpdate {
  readonly bot_id: string
  readonly update_id: number
  readonly lane: string
  readonly json: string
  readonly received_at: number
  readonly attempts: number
}

export interface NewUpdate {
  readonly id: number
  readonly lane: string
  readonly json: string
}

/** The update that comes next, 0 for a bot that was never here. */
export async function nextUpdateOf(conn: Conn, botId: string): Promise<number> {
  const row = await conn.row<{ next_update: number }>('select next_update from telegram_bots where bot_id = ?', [botId])
  return row?.next_update ?? 0
}

/** Keeps updates and the place after them together: what was confirmed to Telegram is here. */
export async function addUpdates(
  tx: Tx,
  bot: { readonly id: string; readonly username: string },
  updates: readonly NewUpdate[],
  now: number,
): Promise<void> {
  const from = await nextUpdateOf(tx, bot.id)
  for (const { id, lane, json } of updates) {
    if (id < from) continue
    await tx.run(
      'insert into telegram_updates (bot_id, update_id, lane, json, received_at) values (?, ?, ?, ?, ?) on conflict do nothing',
      [bot.id, id, lane, json, now],
    )
  }
  const next = Math.max(from, ...updates.map(({ id }) => id + 1))
  await tx.run(
    `insert into telegram_bots (bot_id, username, next_update) values (?, ?, ?)
      on conflict (bot_id) do update set username = excluded.username, next_update = excluded.next_update`,
    [bot.id, bot.username, next],
  )
}

export async function firstUpdate(conn: Conn, lane: string): Promise<StoredUpdate | undefined> {
  return await conn.row<StoredUpdate>(
    `select bot_id, update_id, lane, json, received_at, attempts from telegram_updates
      where lane = ? and is_dead = 0 order by update_id limit 1`,
    [lane],
  )
}

export async function updateLanes(conn: Conn): Promise<string[]> {
  const rows = await conn.rows<{ lane: string }>('select distinct lane from telegram_updates where is_dead = 0')
  return rows.map(({ lane }) => lane)
}

/** `oldest`: when the first of those came that wait. */
export async function countUpdates(conn: Conn): Promise<{ waiting: number; dead: number; oldest: number | undefined }> {
  const rows = await conn.rows<{ is_dead: number; n: number; oldest: number }>(
    'select is_dead, count(*) as n, min(received_at) as oldest from telegram_updates group by is_dead',
  )
  const waiting = rows.find(({ is_dead: isDead }) => isDead === 0)
  const dead = rows.find(({ is_dead: isDead }) => isDead === 1)
  return { waiting: Number(waiting?.n ?? 0), dead: Number(dead?.n ?? 0), oldest: waiting && Number(waiting.oldest) }
}

export async function removeUpdate(tx: Tx, { bot_id: botId, update_id: id }: StoredUpdate): Promise<void> {
  await tx.run('delete from telegram_updates where bot_id = ? and update_id = ?', [botId, id])
}

export async function noteUpdateFailure(
  tx: Tx,
  { bot_id: botId, update_id: id }: StoredUpdate,
  { error, isCounted, isDead }: { error: string; isCounted: boolean; isDead: boolean },
): Promise<void> {
  await tx.run(
    'update telegram_updates set attempts = attempts + ?, error = ?, is_dead = ? where bot_id = ? and update_id = ?',
    [isCounted ? 1 : 0, error, isDead ? 1 : 0, botId, id],
  )
}

/** Forgets what was given up and came before this time. */
export async function pruneUpdates(tx: Tx, before: number): Promise<void> {
  await tx.run('delete from telegram_updates where is_dead = 1 and received_at < ?', [before])
}

/** What follows a group that moves: its updates wait in another lane. */
export async function moveLane(tx: Tx, from: string, to: string): Promise<void> {
  await tx.run('update telegram_updates set lane = ? where lane = ?', [to, from])
}
