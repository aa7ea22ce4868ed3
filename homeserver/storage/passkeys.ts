/** Passkeys of users, and the challenges of browsers that are about to show one. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface Passkey {
  /** Of the credential, in base64url. */
  readonly id: string
  readonly userId: UserId
  /** COSE, in base64url. */
  readonly publicKey: string
  /** Grows with each use, or is always 0. */
  readonly counter: number
  /** How browsers reach it, such as `usb` and `internal`. */
  readonly transports: readonly string[]
  /** Whether it may be copied to other devices of its owner, and whether it has been. */
  readonly isBackupEligible: boolean
  readonly isBackedUp: boolean
  readonly name: string
  readonly createdTs: number
  readonly usedTs: number | undefined
}

interface Row {
  credential_id: string
  user_id: UserId
  public_key: string
  counter: number
  transports: string
  backup_eligible: number
  backed_up: number
  name: string
  created_ts: number
  used_ts: number | null
}

const columns =
  'credential_id, user_id, public_key, counter, transports, backup_eligible, backed_up, name, created_ts, used_ts'

const fromRow = (row: Row): Passkey => ({
  id: row.credential_id,
  userId: row.user_id,
  publicKey: row.public_key,
  counter: row.counter,
  transports: JSON.parse(row.transports) as string[],
  isBackupEligible: row.backup_eligible === 1,
  isBackedUp: row.backed_up === 1,
  name: row.name,
  createdTs: row.created_ts,
  usedTs: row.used_ts ?? undefined,
})

export async function findPasskey(conn: Conn, id: string): Promise<Passkey | undefined> {
  const row = await conn.row<Row>(`select ${columns} from passkeys where credential_id = ?`, [id])
  return row && fromRow(row)
}

/** The oldest first. */
export async function listPasskeys(conn: Conn, userId: string): Promise<Passkey[]> {
  const rows = await conn.rows<Row>(
    `select ${columns} from passkeys where user_id = ? order by created_ts, credential_id`,
    [userId],
  )
  return rows.map(fromRow)
}

/** False if it is known already, whoever has it. */
export async function addPasskey(tx: Tx, passkey: Omit<Passkey, 'usedTs'>): Promise<boolean> {
  const { id, userId, publicKey, counter, transports, isBackupEligible, isBackedUp, name, createdTs } = passkey
  const flags = [isBackupEligible ? 1 : 0, isBackedUp ? 1 : 0]
  const added = await tx.run(
    `insert into passkeys
       (credential_id, user_id, public_key, counter, transports, backup_eligible, backed_up, name, created_ts)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (credential_id) do nothing`,
    [id, userId, publicKey, counter, JSON.stringify(transports), ...flags, name, createdTs],
  )
  return added === 1
}

/** False if it was used or removed since it was read: of two who come with the same count one gets in. */
export async function usePasskey(
  tx: Tx,
  { id, counter: before }: Passkey,
  { counter, isBackedUp, ts }: { counter: number; isBackedUp: boolean; ts: number },
): Promise<boolean> {
  const used = await tx.run(
    'update passkeys set counter = ?, backed_up = ?, used_ts = ? where credential_id = ? and counter = ?',
    [counter, isBackedUp ? 1 : 0, ts, id, before],
  )
  return used === 1
}

export async function removePasskey(tx: Tx, userId: UserId, id: string): Promise<boolean> {
  return (await tx.run('delete from passkeys where user_id = ? and credential_id = ?', [userId, id])) === 1
}

/** Gives how many there were. */
export async function removePasskeysOf(tx: Tx, userId: string): Promise<number> {
  return await tx.run('delete from passkeys where user_id = ?', [userId])
}

/** In place of the one that this browser had. */
export async function setChallenge(
  tx: Tx,
  cookieHash: string,
  { challengeHash, expiresTs }: { challengeHash: string; expiresTs: number },
): Promise<void> {
  await tx.run(
    `insert into passkey_challenges (cookie_hash, challenge, expires_ts) values (?, ?, ?)
       on conflict (cookie_hash) do update set challenge = excluded.challenge, expires_ts = excluded.expires_ts`,
    [cookieHash, challengeHash, expiresTs],
  )
}

export async function countChallenges(conn: Conn): Promise<number> {
  const row = await conn.row<{ count: number }>('select count(*) as count from passkey_challenges')
  return row?.count ?? 0
}

/** Uses it up, and gives its hash. */
export async function takeChallenge(tx: Tx, cookieHash: string, now: number): Promise<string | undefined> {
  const row = await tx.row<{ challenge: string; expires_ts: number }>(
    'delete from passkey_challenges where cookie_hash = ? returning challenge, expires_ts',
    [cookieHash],
  )
  return row && row.expires_ts > now ? row.challenge : undefined
}

export async function removeExpiredChallenges(tx: Tx, now: number): Promise<void> {
  await tx.run('delete from passkey_challenges where expires_ts <= ?', [now])
}
