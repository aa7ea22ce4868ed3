/** Who accounts are elsewhere, and those who are on their way to an account from there. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface ExternalKey {
  readonly provider: string
  /** As the provider knows the person, for ever. */
  readonly subject: string
}

export interface ExternalId extends ExternalKey {
  readonly userId: UserId
  readonly linkedTs: number
  readonly lastLoginTs: number | undefined
  /** What was taken from there last. */
  readonly shownName: string | undefined
  readonly shownAvatar: string | undefined
}

interface Row {
  provider: string
  subject: string
  user_id: UserId
  linked_ts: number
  last_login_ts: number | null
  shown_name: string | null
  shown_avatar: string | null
}

function externalIdOf(row: Row): ExternalId {
  return {
    provider: row.provider,
    subject: row.subject,
    userId: row.user_id,
    linkedTs: row.linked_ts,
    lastLoginTs: row.last_login_ts ?? undefined,
    shownName: row.shown_name ?? undefined,
    shownAvatar: row.shown_avatar ?? undefined,
  }
}

export async function findExternalId(conn: Conn, { provider, subject }: ExternalKey): Promise<ExternalId | undefined> {
  const row = await conn.row<Row>('select * from external_ids where provider = ? and subject = ?', [provider, subject])
  return row && externalIdOf(row)
}

export async function listExternalIds(conn: Conn, userId: string): Promise<ExternalId[]> {
  const rows = await conn.rows<Row>('select * from external_ids where user_id = ? order by provider', [userId])
  return rows.map(externalIdOf)
}

/** False if the person there has an account, or the account a person there. */
export async function addExternalId(tx: Tx, added: ExternalId): Promise<boolean> {
  const { provider, subject, userId, linkedTs, lastLoginTs, shownName, shownAvatar } = added
  const count = await tx.run(
    `insert into external_ids (provider, subject, user_id, linked_ts, last_login_ts, shown_name, shown_avatar)
       values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    [provider, subject, userId, linkedTs, lastLoginTs ?? null, shownName ?? null, shownAvatar ?? null],
  )
  return count === 1
}

export async function noteExternalLogin(tx: Tx, { provider, subject }: ExternalKey, ts: number): Promise<void> {
  await tx.run('update external_ids set last_login_ts = ? where provider = ? and subject = ?', [ts, provider, subject])
}

export async function setShown(
  tx: Tx,
  { provider, subject }: ExternalKey,
  { name, avatar }: { readonly name: string | undefined; readonly avatar: string | undefined },
): Promise<void> {
  await tx.run('update external_ids set shown_name = ?, shown_avatar = ? where provider = ? and subject = ?', [
    name ?? null,
    avatar ?? null,
    provider,
    subject,
  ])
}

export async function removeExternalId(tx: Tx, userId: string, provider: string): Promise<boolean> {
  return (await tx.run('delete from external_ids where user_id = ? and provider = ?', [userId, provider])) === 1
}

export async function removeExternalIdsOf(tx: Tx, userId: string): Promise<void> {
  await tx.run('delete from external_ids where user_id = ?', [userId])
}

/** Somebody whom a provider has shown to us and who has no account yet. */
export interface SignUp extends ExternalKey {
  /** What might do as a user name. */
  readonly localpart: string | undefined
  readonly displayname: string | undefined
  readonly avatarUrl: string | undefined
}

interface SignUpRow {
  provider: string
  subject: string
  localpart: string | null
  displayname: string | null
  avatar_url: string | null
}

export async function setSignUp(tx: Tx, cookieHash: string, signUp: SignUp, expiresTs: number): Promise<void> {
  const { provider, subject, localpart, displayname, avatarUrl } = signUp
  await tx.run(
    `insert into sso_sign_ups (cookie_hash, provider, subject, localpart, displayname, avatar_url, expires_ts)
       values (?, ?, ?, ?, ?, ?, ?)
       on conflict (cookie_hash) do update set provider = excluded.provider, subject = excluded.subject,
         localpart = excluded.localpart, displayname = excluded.displayname, avatar_url = excluded.avatar_url,
         expires_ts = excluded.expires_ts`,
    [cookieHash, provider, subject, localpart ?? null, displayname ?? null, avatarUrl ?? null, expiresTs],
  )
}

export async function findSignUp(conn: Conn, cookieHash: string, now: number): Promise<SignUp | undefined> {
  const row = await conn.row<SignUpRow>('select * from sso_sign_ups where cookie_hash = ? and expires_ts > ?', [
    cookieHash,
    now,
  ])
  return (
    row && {
      provider: row.provider,
      subject: row.subject,
      localpart: row.localpart ?? undefined,
      displayname: row.displayname ?? undefined,
      avatarUrl: row.avatar_url ?? undefined,
    }
  )
}

/** Uses it up; false if somebody else has. */
export async function removeSignUp(tx: Tx, cookieHash: string): Promise<boolean> {
  return (await tx.run('delete from sso_sign_ups where cookie_hash = ?', [cookieHash])) === 1
}

export async function removeExpiredSignUps(tx: Tx, now: number): Promise<void> {
  await tx.run('delete from sso_sign_ups where expires_ts <= ?', [now])
}
