/** Accounts as administrators look through them. */
import type { UserId } from '../core/ids.ts'
import { type Conn, escapeLike, type Value } from './database.ts'

export interface ListedAccount {
  readonly user_id: UserId
  readonly created_ts: number
  readonly appservice_id: string | null
  readonly is_guest: number
  readonly is_admin: number
  readonly is_locked: number
  readonly is_suspended: number
  readonly is_deactivated: number
  readonly is_erased: number
  readonly displayname: string | null
  readonly avatar_url: string | null
  readonly last_seen_ts: number | null
}

/** Undefined: both. */
export interface AccountQuery {
  /** A part of the user id or the display name. */
  readonly term?: string | undefined
  readonly userId?: string | undefined
  readonly isGuest?: boolean | undefined
  readonly isAdmin?: boolean | undefined
  readonly isLocked?: boolean | undefined
  readonly isDeactivated?: boolean | undefined
  readonly order: AccountOrder
  readonly descending: boolean
  readonly from: number
  readonly limit: number
}

/** Where nothing is known it counts as the least, on both databases. */
const orders = {
  name: 'user_id',
  displayname: `coalesce(displayname, '')`,
  avatar_url: `coalesce(avatar_url, '')`,
  creation_ts: 'created_ts',
  last_seen_ts: 'coalesce(last_seen_ts, 0)',
  admin: 'is_admin',
  is_guest: 'is_guest',
  locked: 'is_locked',
  deactivated: 'is_deactivated',
} as const

export type AccountOrder = keyof typeof orders
export const accountOrders = Object.keys(orders) as AccountOrder[] // the keys of the table above

const listed = `(
  select a.user_id, a.created_ts, a.appservice_id, a.is_guest, a.is_admin, a.is_locked, a.is_suspended,
         a.is_deactivated, a.is_erased, p.displayname, p.avatar_url,
         (select max(d.last_seen_ts) from devices d where d.user_id = a.user_id) as last_seen_ts
    from accounts a left join profiles p on p.user_id = a.user_id) as listed`

export async function searchAccounts(
  conn: Conn,
  query: AccountQuery,
): Promise<{ readonly accounts: ListedAccount[]; readonly total: number }> {
  const { where, bindings } = conditionsOf(query)
  const direction = query.descending ? 'desc' : 'asc'
  const accounts = await conn.rows<ListedAccount>(
    `select * from ${listed} ${where} order by ${orders[query.order]} ${direction}, user_id ${direction} limit ? offset ?`,
    [...bindings, query.limit, query.from],
  )
  const count = await conn.row<{ total: number }>(`select count(*) as total from ${listed} ${where}`, bindings)
  return { accounts, total: count?.total ?? 0 }
}

function conditionsOf(query: AccountQuery): { readonly where: string; readonly bindings: Value[] } {
  const { term, userId, isGuest, isAdmin, isLocked, isDeactivated } = query
  const conditions: string[] = []
  const bindings: Value[] = []
  if (term !== undefined) {
    conditions.push(`(lower(user_id) like ? escape '\\' or lower(displayname) like ? escape '\\')`)
    const pattern = `%${escapeLike(term.toLowerCase())}%`
    bindings.push(pattern, pattern)
  }
  if (userId !== undefined) {
    conditions.push(`user_id = ?`)
    bindings.push(userId)
  }
  const flags = { is_guest: isGuest, is_admin: isAdmin, is_locked: isLocked, is_deactivated: isDeactivated }
  for (const [column, wanted] of Object.entries(flags)) {
    if (wanted === undefined) continue
    conditions.push(`${column} = ?`)
    bindings.push(Number(wanted))
  }
  return { where: conditions.length > 0 ? `where ${conditions.join(' and ')}` : '', bindings }
}
