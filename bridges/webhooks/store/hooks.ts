/** Webhooks of rooms. Of a secret only its hash is kept. */
import type { Conn, Tx } from '../../appservice/database.ts'

export interface Hook {
  readonly hook_id: string
  readonly room_id: string
  readonly name: string
  readonly created_by: string
  readonly created_at: number
  readonly used_at: number | null
  /** Null for those that are told. */
  readonly secret_hash: string | null
  readonly may_mention: number
  /** Null for those that take messages. */
  readonly url: string | null
  readonly types: string | null
  readonly pattern: string | null
  readonly failing_since: number | null
  readonly disabled_at: number | null
}

const columns =
  'hook_id, room_id, name, created_by, created_at, used_at, secret_hash, may_mention, url, types, pattern, failing_since, disabled_at'

export async function findHook(conn: Conn, hookId: string): Promise<Hook | undefined> {
  return await conn.row<Hook>(`select ${columns} from webhooks where hook_id = ?`, [hookId])
}

export async function hooksOfRoom(conn: Conn, roomId: string): Promise<Hook[]> {
  return await conn.rows<Hook>(`select ${columns} from webhooks where room_id = ? order by created_at, hook_id`, [
    roomId,
  ])
}

export async function allHooks(conn: Conn): Promise<Hook[]> {
  return await conn.rows<Hook>(`select ${columns} from webhooks order by room_id, created_at, hook_id`)
}

export type NewHook = Pick<
  Hook,
  'hook_id' | 'room_id' | 'name' | 'created_by' | 'created_at' | 'secret_hash' | 'url' | 'types' | 'pattern'
>

/** False where it is there already. */
export async function addHook(tx: Tx, hook: NewHook): Promise<boolean> {
  const added = await tx.run(
    `insert into webhooks (hook_id, room_id, name, created_by, created_at, secret_hash, url, types, pattern)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    [
      hook.hook_id,
      hook.room_id,
      hook.name,
      hook.created_by,
      hook.created_at,
      hook.secret_hash,
      hook.url,
      hook.types,
      hook.pattern,
    ],
  )
  return added > 0
}

export async function removeHook(tx: Tx, hookId: string): Promise<number> {
  await tx.run('delete from webhook_deliveries where hook_id = ?', [hookId])
  return await tx.run('delete from webhooks where hook_id = ?', [hookId])
}

export async function removeHooksOfRoom(tx: Tx, roomId: string): Promise<void> {
  await tx.run('delete from webhook_deliveries where hook_id in (select hook_id from webhooks where room_id = ?)', [
    roomId,
  ])
  await tx.run('delete from webhooks where room_id = ?', [roomId])
}

export async function setSecret(tx: Tx, hookId: string, hash: string): Promise<void> {
  await tx.run('update webhooks set secret_hash = ? where hook_id = ?', [hash, hookId])
}

export async function setMayMention(tx: Tx, hookId: string, may: boolean): Promise<void> {
  await tx.run('update webhooks set may_mention = ? where hook_id = ?', [may ? 1 : 0, hookId])
}

export async function noteUse(tx: Tx, hookId: string, now: number): Promise<void> {
  await tx.run('update webhooks set used_at = ?, failing_since = null where hook_id = ?', [now, hookId])
}

/** Since when it fails: the first time counts. */
export async function noteFailing(tx: Tx, hookId: string, now: number): Promise<void> {
  await tx.run('update webhooks set failing_since = ? where hook_id = ? and failing_since is null', [now, hookId])
}

/** With null it is told again. */
export async function setDisabled(tx: Tx, hookId: string, at: number | null): Promise<void> {
  await tx.run('update webhooks set disabled_at = ?, failing_since = null where hook_id = ?', [at, hookId])
}

export async function chatOf(conn: Conn, userId: string): Promise<string | undefined> {
  const row = await conn.row<{ room_id: string }>('select room_id from webhook_chats where user_id = ?', [userId])
  return row?.room_id
}

export async function setChat(tx: Tx, userId: string, roomId: string): Promise<void> {
  await tx.run(
    'insert into webhook_chats (user_id, room_id) values (?, ?) on conflict (user_id) do update set room_id = excluded.room_id',
    [userId, roomId],
  )
}
