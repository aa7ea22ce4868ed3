/** Accounts. Flags are booleans here and 0 or 1 in the table. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx, Value } from './database.ts'

export interface Account {
  readonly userId: UserId
  readonly passwordHash: string | undefined
  readonly createdTs: number
  readonly appserviceId: string | undefined
  readonly isGuest: boolean
  readonly isAdmin: boolean
  readonly isLocked: boolean
  readonly isSuspended: boolean
  readonly isDeactivated: boolean
  readonly isErased: boolean
}

interface Row {
  user_id: UserId
  password_hash: string | null
  created_ts: number
  appservice_id: string | null
  is_guest: number
  is_admin: number
  is_locked: number
  is_suspended: number
  is_deactivated: number
  is_erased: number
}

const columns = `user_id, password_hash, created_ts, appservice_id,
  is_guest, is_admin, is_locked, is_suspended, is_deactivated, is_erased`

export async function findAccount(conn: Conn, userId: string): Promise<Account | undefined> {
  const row = await conn.row<Row>(`select ${columns} from accounts where user_id = ?`, [userId])
  return row && accountOf(row)
}

/** Whether anybody administrates the server. */
export async function hasAdmin(conn: Conn): Promise<boolean> {
  return (await conn.row('select 1 from accounts where is_admin = 1 and is_deactivated = 0 limit 1')) !== undefined
}

export interface NewAccount {
  readonly userId: UserId
  readonly passwordHash?: string | undefined
  readonly createdTs: number
  readonly appserviceId?: string | undefined
  readonly isAdmin?: boolean
  readonly isGuest?: boolean
  /** The version of each document, as JSON. */
  readonly acceptedTerms?: string | undefined
}

/** False, and nothing written, if somebody has or had the user id. */
export async function addAccount(tx: Tx, account: NewAccount): Promise<boolean> {
  const { userId, passwordHash, createdTs, appserviceId, isAdmin = false, isGuest = false, acceptedTerms } = account
  const added = await tx.run(
    `insert into accounts (user_id, password_hash, created_ts, appservice_id, is_admin, is_guest, accepted_terms)
       values (?, ?, ?, ?, ?, ?, ?) on conflict (user_id) do nothing`,
    [
      userId,
      passwordHash ?? null,
      createdTs,
      appserviceId ?? null,
      Number(isAdmin),
      Number(isGuest),
      acceptedTerms ?? null,
    ],
  )
  return added === 1
}

export interface AccountChanges {
  /** Null takes the password away. */
  readonly passwordHash?: string | null
  readonly isAdmin?: boolean
  readonly isLocked?: boolean
  readonly isSuspended?: boolean
  readonly isDeactivated?: boolean
  readonly isErased?: boolean
  readonly isDeparting?: boolean
}

const columnOf: Readonly<Record<keyof AccountChanges, string>> = {
  passwordHash: 'password_hash',
  isAdmin: 'is_admin',
  isLocked: 'is_locked',
  isSuspended: 'is_suspended',
  isDeactivated: 'is_deactivated',
  isErased: 'is_erased',
  isDeparting: 'is_departing',
}

/** False if there is no such account. `changes` must name at least one column. */
export async function updateAccount(tx: Tx, userId: string, changes: AccountChanges): Promise<boolean> {
  const names = Object.keys(changes) as (keyof AccountChanges)[] // the keys of the type, by its construction
  const values = names.map((name): Value => {
    const value = changes[name] ?? null
    return typeof value === 'boolean' ? Number(value) : value
  })
  const assignments = names.map((name) => `${columnOf[name]} = ?`).join(', ')
  return (await tx.run(`update accounts set ${assignments} where user_id = ?`, [...values, userId])) === 1
}

/** In the order of their ids, from the one after `after` on. */
export async function listAccounts(conn: Conn, { after, limit }: { after: string; limit: number }): Promise<Account[]> {
  const rows = await conn.rows<Row>(`select ${columns} from accounts where user_id > ? order by user_id limit ?`, [
    after,
    limit,
  ])
  return rows.map(accountOf)
}

/** Deactivated accounts that are not out of all their rooms yet. */
export async function listDeparting(conn: Conn): Promise<UserId[]> {
  const rows = await conn.rows<{ user_id: UserId }>('select user_id from accounts where is_departing = 1')
  return rows.map((row) => row.user_id)
}

function accountOf(row: Row): Account {
  return {
    userId: row.user_id,
    passwordHash: row.password_hash ?? undefined,
    createdTs: row.created_ts,
    appserviceId: row.appservice_id ?? undefined,
    isGuest: row.is_guest === 1,
    isAdmin: row.is_admin === 1,
    isLocked: row.is_locked === 1,
    isSuspended: row.is_suspended === 1,
    isDeactivated: row.is_deactivated === 1,
    isErased: row.is_erased === 1,
  }
}
