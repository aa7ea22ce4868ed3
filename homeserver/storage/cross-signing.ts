/** Cross-signing keys, and what users say of each other's. */
import type { UserId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

export const usages = ['master', 'self_signing', 'user_signing'] as const
export type Usage = (typeof usages)[number]

export interface StoredCrossSigningKey {
  readonly userId: UserId
  readonly usage: Usage
  readonly publicKey: string
  /** Canonical JSON. */
  readonly keys: string
}

/** What `signer` says of a user's master key. */
export interface UserSignature {
  readonly userId: UserId
  /** The master key that was signed; the user may have another one since. */
  readonly publicKey: string
  /** Key id → signature. */
  readonly signatures: Readonly<Record<string, string>>
}

export async function listCrossSigningKeys(conn: Conn, userIds: readonly UserId[]): Promise<StoredCrossSigningKey[]> {
  const rows = await rowsIn<{ user_id: UserId; usage: Usage; public_key: string; keys: string }>(
    conn,
    'select user_id, usage, public_key, keys from cross_signing_keys where user_id in (?)',
    userIds,
  )
  return rows.map(({ user_id, usage, public_key, keys }) => ({ userId: user_id, usage, publicKey: public_key, keys }))
}

export async function setCrossSigningKey(tx: Tx, key: StoredCrossSigningKey): Promise<void> {
  await tx.run(
    `insert into cross_signing_keys (user_id, usage, public_key, keys) values (?, ?, ?, ?)
       on conflict (user_id, usage) do update set public_key = excluded.public_key, keys = excluded.keys`,
    [key.userId, key.usage, key.publicKey, key.keys],
  )
}

export async function removeCrossSigningKeys(tx: Tx, userId: UserId, usages: readonly Usage[]): Promise<void> {
  for (const usage of usages) {
    await tx.run('delete from cross_signing_keys where user_id = ? and usage = ?', [userId, usage])
  }
}

/** What a user says of the master keys of those others. */
export async function listUserSignatures(
  conn: Conn,
  signerId: UserId,
  userIds: readonly UserId[],
): Promise<UserSignature[]> {
  const rows = await rowsIn<{ user_id: UserId; public_key: string; signatures: string }>(
    conn,
    'select user_id, public_key, signatures from user_signatures where signer_id = ? and user_id in (?)',
    userIds,
    { before: [signerId] },
  )
  return rows.map(({ user_id, public_key, signatures }) => ({
    userId: user_id,
    publicKey: public_key,
    signatures: JSON.parse(signatures) as Record<string, string>, // as `setUserSignatures` wrote it
  }))
}

/** `firstId` is the first of as many ids reserved in the stream `device_lists`, which must be remembered. */
export async function setUserSignatures(
  tx: Tx,
  signerId: UserId,
  signatures: readonly UserSignature[],
  firstId: number,
): Promise<void> {
  await insertMany(
    tx,
    'user_signatures',
    ['signer_id', 'user_id', 'public_key', 'signatures', 'stream_id'],
    signatures.map(({ userId, publicKey, signatures }, index) => [
      signerId,
      userId,
      publicKey,
      JSON.stringify(signatures),
      firstId + index,
    ]),
    `on conflict (signer_id, user_id) do update set
       public_key = excluded.public_key, signatures = excluded.signatures, stream_id = excluded.stream_id`,
  )
}

/** What a user says of anybody is void once the user-signing key is another one. */
export async function removeUserSignaturesBy(tx: Tx, signerId: UserId): Promise<void> {
  await tx.run('delete from user_signatures where signer_id = ?', [signerId])
}
