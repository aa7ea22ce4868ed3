/** Browsers that were sent to an OpenID provider and are to come back. */
import type { UserId } from '../core/ids.ts'
import type { Tx } from './database.ts'

export interface OidcRequest {
  readonly provider: string
  readonly cookieHash: string
  readonly nonce: string
  readonly codeVerifier: string
  /** Where to go on afterwards. */
  readonly way: string
  /** Whose account it is to be linked with. */
  readonly linksUserId: UserId | undefined
  readonly expiresTs: number
}

interface Row {
  provider: string
  cookie_hash: string
  nonce: string
  code_verifier: string
  way: string
  links_user_id: UserId | null
  expires_ts: number
}

export async function addOidcRequest(tx: Tx, stateHash: string, request: OidcRequest): Promise<void> {
  const { provider, cookieHash, nonce, codeVerifier, way, linksUserId, expiresTs } = request
  await tx.run(
    `insert into oidc_requests (state_hash, cookie_hash, provider, nonce, code_verifier, way, links_user_id, expires_ts)
       values (?, ?, ?, ?, ?, ?, ?, ?)`,
    [stateHash, cookieHash, provider, nonce, codeVerifier, way, linksUserId ?? null, expiresTs],
  )
}

/** Uses it up. */
export async function takeOidcRequest(tx: Tx, stateHash: string): Promise<OidcRequest | undefined> {
  const row = await tx.row<Row>(
    `delete from oidc_requests where state_hash = ?
       returning provider, cookie_hash, nonce, code_verifier, way, links_user_id, expires_ts`,
    [stateHash],
  )
  return (
    row && {
      provider: row.provider,
      cookieHash: row.cookie_hash,
      nonce: row.nonce,
      codeVerifier: row.code_verifier,
      way: row.way,
      linksUserId: row.links_user_id ?? undefined,
      expiresTs: row.expires_ts,
    }
  )
}

export async function removeExpiredOidcRequests(tx: Tx, now: number): Promise<void> {
  await tx.run('delete from oidc_requests where expires_ts <= ?', [now])
}
