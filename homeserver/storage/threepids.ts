/** Addresses outside of Matrix: rows of `user_threepids` and `threepid_validations`. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export type Medium = 'email' | 'msisdn'

export interface ThreePid {
  readonly medium: Medium
  /** As `addresses.ts` writes it. */
  readonly address: string
}

export interface UserThreePid extends ThreePid {
  readonly userId: UserId
  readonly validatedTs: number
  readonly addedTs: number
}

interface UserRow {
  medium: Medium
  address: string
  user_id: UserId
  validated_ts: number
  added_ts: number
}

function userThreePidOf(row: UserRow): UserThreePid {
  const { medium, address, user_id: userId, validated_ts: validatedTs, added_ts: addedTs } = row
  return { medium, address, userId, validatedTs, addedTs }
}

export async function listThreePids(conn: Conn, userId: UserId): Promise<UserThreePid[]> {
  const rows = await conn.rows<UserRow>('select * from user_threepids where user_id = ? order by added_ts, address', [
    userId,
  ])
  return rows.map(userThreePidOf)
}

export async function findThreePid(conn: Conn, { medium, address }: ThreePid): Promise<UserThreePid | undefined> {
  const row = await conn.row<UserRow>('select * from user_threepids where medium = ? and address = ?', [
    medium,
    address,
  ])
  return row && userThreePidOf(row)
}

/** False if somebody has it. */
export async function addThreePid(
  tx: Tx,
  { medium, address, userId, validatedTs, addedTs }: UserThreePid,
): Promise<boolean> {
  const added = await tx.run(
    `insert into user_threepids (medium, address, user_id, validated_ts, added_ts) values (?, ?, ?, ?, ?)
       on conflict do nothing`,
    [medium, address, userId, validatedTs, addedTs],
  )
  return added === 1
}

export async function removeThreePid(tx: Tx, userId: UserId, { medium, address }: ThreePid): Promise<boolean> {
  const removed = await tx.run('delete from user_threepids where user_id = ? and medium = ? and address = ?', [
    userId,
    medium,
    address,
  ])
  return removed === 1
}

export async function removeThreePidsOf(tx: Tx, userId: UserId): Promise<void> {
  await tx.run('delete from user_threepids where user_id = ?', [userId])
}

/** What may be done with an address once it is proved. */
export type Purpose = 'register' | 'password' | 'add'

export interface Validation extends ThreePid {
  readonly sid: string
  readonly purpose: Purpose
  readonly clientSecret: string
  readonly sendAttempt: number
  /** How many were sent. */
  readonly messages: number
  readonly nextLink: string | undefined
  readonly tokenHash: string
  readonly triesLeft: number
  readonly createdTs: number
  readonly expiresTs: number
  readonly validatedTs: number | undefined
}

interface Row {
  sid: string
  purpose: Purpose
  medium: Medium
  address: string
  client_secret: string
  send_attempt: number
  messages: number
  next_link: string | null
  token_hash: string
  tries_left: number
  created_ts: number
  expires_ts: number
  validated_ts: number | null
}

function validationOf(row: Row): Validation {
  return {
    sid: row.sid,
    purpose: row.purpose,
    medium: row.medium,
    address: row.address,
    clientSecret: row.client_secret,
    sendAttempt: row.send_attempt,
    messages: row.messages,
    nextLink: row.next_link ?? undefined,
    tokenHash: row.token_hash,
    triesLeft: row.tries_left,
    createdTs: row.created_ts,
    expiresTs: row.expires_ts,
    validatedTs: row.validated_ts ?? undefined,
  }
}

export async function findValidation(conn: Conn, sid: string, now: number): Promise<Validation | undefined> {
  const row = await conn.row<Row>('select * from threepid_validations where sid = ? and expires_ts > ?', [sid, now])
  return row && validationOf(row)
}

export async function findValidationByToken(conn: Conn, hash: string, now: number): Promise<Validation | undefined> {
  const row = await conn.row<Row>('select * from threepid_validations where token_hash = ? and expires_ts > ?', [
    hash,
    now,
  ])
  return row && validationOf(row)
}

/** The one that the same client has asked for before. */
export async function findValidationRequest(
  conn: Conn,
  { purpose, medium, address, clientSecret }: Pick<Validation, 'purpose' | 'medium' | 'address' | 'clientSecret'>,
  now: number,
): Promise<Validation | undefined> {
  const row = await conn.row<Row>(
    `select * from threepid_validations
       where purpose = ? and medium = ? and address = ? and client_secret = ? and expires_ts > ?`,
    [purpose, medium, address, clientSecret, now],
  )
  return row && validationOf(row)
}

/** Takes the place of one with the same request. */
export async function putValidation(tx: Tx, validation: Validation): Promise<void> {
  const { sid, purpose, medium, address, clientSecret, sendAttempt, messages } = validation
  const { nextLink, tokenHash, triesLeft, createdTs, expiresTs, validatedTs } = validation
  await tx.run(
    `insert into threepid_validations
       (sid, purpose, medium, address, client_secret, send_attempt, messages, next_link, token_hash, tries_left, created_ts,
        expires_ts, validated_ts)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (purpose, medium, address, client_secret) do update set
         sid = excluded.sid, send_attempt = excluded.send_attempt, messages = excluded.messages, next_link = excluded.next_link,
         token_hash = excluded.token_hash, tries_left = excluded.tries_left, created_ts = excluded.created_ts,
         expires_ts = excluded.expires_ts, validated_ts = excluded.validated_ts`,
    [
      sid,
      purpose,
      medium,
      address,
      clientSecret,
      sendAttempt,
      messages,
      nextLink ?? null,
      tokenHash,
      triesLeft,
      createdTs,
      expiresTs,
      validatedTs ?? null,
    ],
  )
}

/** Counts a try. False if there was none left. */
export async function useValidationTry(tx: Tx, sid: string): Promise<boolean> {
  return (
    (await tx.run('update threepid_validations set tries_left = tries_left - 1 where sid = ? and tries_left > 0', [
      sid,
    ])) === 1
  )
}

export async function setValidated(tx: Tx, sid: string, validatedTs: number): Promise<void> {
  await tx.run('update threepid_validations set validated_ts = ? where sid = ? and validated_ts is null', [
    validatedTs,
    sid,
  ])
}

/** Uses a proof up. False if somebody else has. */
export async function removeValidation(tx: Tx, sid: string): Promise<boolean> {
  return (await tx.run('delete from threepid_validations where sid = ?', [sid])) === 1
}

/** How many messages went to an address since. */
export async function countValidations(conn: Conn, { medium, address }: ThreePid, since: number): Promise<number> {
  const row = await conn.row<{ sent: number }>(
    'select coalesce(sum(messages), 0) as sent from threepid_validations where medium = ? and address = ? and created_ts > ?',
    [medium, address, since],
  )
  return Number(row?.sent ?? 0)
}

export async function removeExpiredValidations(tx: Tx, now: number): Promise<void> {
  await tx.run('delete from threepid_validations where expires_ts <= ?', [now])
}
