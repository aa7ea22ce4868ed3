/** Codes that let people make accounts. https://spec.matrix.org/v1.19/client-server-api/#token-authenticated-registration */
import type { Conn, Tx } from './database.ts'

export interface RegistrationToken {
  readonly token: string
  /** Undefined: any number. */
  readonly usesAllowed: number | undefined
  readonly completed: number
  readonly expiresTs: number | undefined
  readonly createdTs: number
}

interface Row {
  token: string
  uses_allowed: number | null
  completed: number
  expires_ts: number | null
  created_ts: number
}

/** False if there is such a token already. */
export async function addRegistrationToken(tx: Tx, token: Omit<RegistrationToken, 'completed'>): Promise<boolean> {
  const added = await tx.run(
    `insert into registration_tokens (token, uses_allowed, expires_ts, created_ts) values (?, ?, ?, ?)
       on conflict (token) do nothing`,
    [token.token, token.usesAllowed ?? null, token.expiresTs ?? null, token.createdTs],
  )
  return added === 1
}

export async function findRegistrationToken(conn: Conn, token: string): Promise<RegistrationToken | undefined> {
  const row = await conn.row<Row>('select * from registration_tokens where token = ?', [token])
  return row && tokenOf(row)
}

export async function listRegistrationTokens(conn: Conn): Promise<RegistrationToken[]> {
  const rows = await conn.rows<Row>('select * from registration_tokens order by created_ts, token')
  return rows.map(tokenOf)
}

/** False if there is no such token. */
export async function changeRegistrationToken(
  tx: Tx,
  token: string,
  { usesAllowed, expiresTs }: Pick<RegistrationToken, 'usesAllowed' | 'expiresTs'>,
): Promise<boolean> {
  const changed = await tx.run('update registration_tokens set uses_allowed = ?, expires_ts = ? where token = ?', [
    usesAllowed ?? null,
    expiresTs ?? null,
    token,
  ])
  return changed === 1
}

/** False if there is no such token. */
export async function removeRegistrationToken(tx: Tx, token: string): Promise<boolean> {
  return (await tx.run('delete from registration_tokens where token = ?', [token])) === 1
}

/** Counts one use; false if none is left, or the token is unknown or expired. */
export async function useRegistrationToken(tx: Tx, token: string, now: number): Promise<boolean> {
  const used = await tx.run(
    `update registration_tokens set completed = completed + 1
       where token = ? and (uses_allowed is null or completed < uses_allowed) and (expires_ts is null or expires_ts > ?)`,
    [token, now],
  )
  return used === 1
}

function tokenOf(row: Row): RegistrationToken {
  return {
    token: row.token,
    usesAllowed: row.uses_allowed ?? undefined,
    completed: row.completed,
    expiresTs: row.expires_ts ?? undefined,
    createdTs: row.created_ts,
  }
}
