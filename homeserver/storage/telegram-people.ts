/** The bot, the people who write to it, and what it is to hear. */
import type { Conn, Tx } from './database.ts'

export interface TelegramBot {
  readonly botId: string
  readonly username: string
}

export async function setBot(tx: Tx, { botId, username }: TelegramBot, startedTs: number): Promise<void> {
  await tx.run('delete from telegram_login_bots')
  await tx.run('insert into telegram_login_bots (bot_id, username, started_ts) values (?, ?, ?)', [
    botId,
    username,
    startedTs,
  ])
}

export async function findBot(conn: Conn): Promise<TelegramBot | undefined> {
  const row = await conn.row<{ bot_id: string; username: string }>('select bot_id, username from telegram_login_bots')
  return row && { botId: row.bot_id, username: row.username }
}

export interface Person {
  readonly tgUser: string
  readonly firstName: string
  readonly lastName: string | undefined
  readonly username: string | undefined
  readonly avatarUrl: string | undefined
  readonly isLoginEnabled: boolean
}

interface Row {
  tg_user: string
  first_name: string
  last_name: string | null
  username: string | null
  avatar_url: string | null
  login_enabled: number
}

export async function findPerson(conn: Conn, tgUser: string): Promise<Person | undefined> {
  const row = await conn.row<Row>('select * from telegram_login_people where tg_user = ?', [tgUser])
  return (
    row && {
      tgUser: row.tg_user,
      firstName: row.first_name,
      lastName: row.last_name ?? undefined,
      username: row.username ?? undefined,
      avatarUrl: row.avatar_url ?? undefined,
      isLoginEnabled: row.login_enabled === 1,
    }
  )
}

/** What is not told, such as a picture, stays as it was. */
export async function setPerson(tx: Tx, person: Omit<Person, 'isLoginEnabled'>, seenTs: number): Promise<void> {
  const { tgUser, firstName, lastName, username, avatarUrl } = person
  await tx.run(
    `insert into telegram_login_people (tg_user, first_name, last_name, username, avatar_url, seen_ts)
       values (?, ?, ?, ?, ?, ?)
       on conflict (tg_user) do update set first_name = excluded.first_name, last_name = excluded.last_name,
         username = excluded.username, avatar_url = coalesce(excluded.avatar_url, telegram_login_people.avatar_url),
         seen_ts = excluded.seen_ts`,
    [tgUser, firstName, lastName ?? null, username ?? null, avatarUrl ?? null, seenTs],
  )
}

export async function setLoginEnabled(tx: Tx, tgUser: string, isEnabled: boolean, now: number): Promise<void> {
  await tx.run(
    `insert into telegram_login_people (tg_user, first_name, login_enabled, seen_ts) values (?, '', ?, ?)
       on conflict (tg_user) do update set login_enabled = excluded.login_enabled`,
    [tgUser, Number(isEnabled), now],
  )
}

export interface StoredEvent {
  readonly id: number
  readonly tgUser: string
  /** JSON. */
  readonly event: string
}

/** Numbers the event by the order of the commits. */
export async function addEvent(tx: Tx, tgUser: string, event: string, createdTs: number): Promise<void> {
  const row = await tx.row<{ last_id: number }>(
    `update telegram_login_event_counter set last_id = last_id + 1 where name = 'events' returning last_id`,
  )
  await tx.run('insert into telegram_login_events (id, tg_user, event, created_ts) values (?, ?, ?, ?)', [
    row?.last_id ?? 0,
    tgUser,
    event,
    createdTs,
  ])
}

export async function listEvents(conn: Conn, after: number, limit: number): Promise<StoredEvent[]> {
  const rows = await conn.rows<{ id: number; tg_user: string; event: string }>(
    'select id, tg_user, event from telegram_login_events where id > ? order by id limit ?',
    [after, limit],
  )
  return rows.map(({ id, tg_user: tgUser, event }) => ({ id, tgUser, event }))
}

export async function removeEvents(tx: Tx, upTo: number): Promise<void> {
  await tx.run('delete from telegram_login_events where id <= ?', [upTo])
}
