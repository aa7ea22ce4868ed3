/** Tokens by which users show other services who they are. Only the SHA-256 is kept. */
export const up = (): readonly string[] => [
  `create table openid_tokens (
     token_hash text primary key,
     user_id text not null,
     expires_ts bigint not null
   )`,
  'create index openid_tokens_user on openid_tokens (user_id, expires_ts)',
  'create index openid_tokens_expires on openid_tokens (expires_ts)',
  // Who was not offline when the server last ran: looked for at start.
  `create index presence_present on presence (user_id) where state <> 'offline'`,
]
