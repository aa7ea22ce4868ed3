/** OAuth 2.0: who may ask for sessions in a person's name, and the steps on the way to one. Of secrets only the SHA-256 is kept. */
export const up = (): readonly string[] => [
  `create table oauth_clients (
     -- made from the metadata, so that the same client is there once
     client_id text primary key,
     metadata text not null,
     -- when it registered last
     registered_ts bigint not null
   )`,
  'create index oauth_clients_registered on oauth_clients (registered_ts)',
  // A session that a client got by OAuth; null for those of the older API.
  'alter table devices add column client_id text',
  'alter table devices add column scope text',
  'create index devices_client on devices (client_id) where client_id is not null',
  `create table oauth_codes (
     code_hash text primary key,
     client_id text not null,
     user_id text not null references accounts (user_id),
     redirect_uri text not null,
     scope text not null,
     device_id text not null,
     code_challenge text not null,
     expires_ts bigint not null,
     -- kept after its use, to recognise a stolen one
     is_used smallint not null default 0
   )`,
  'create index oauth_codes_expires on oauth_codes (expires_ts)',
  `create table oauth_device_grants (
     device_code_hash text primary key,
     user_code text not null unique,
     client_id text not null,
     scope text not null,
     device_id text not null,
     expires_ts bigint not null,
     -- when the client may ask again, and how long it has to wait between two times
     next_poll_ts bigint not null,
     interval_ms bigint not null,
     -- pending, allowed or denied, and by whom
     decision text not null default 'pending',
     user_id text references accounts (user_id)
   )`,
  'create index oauth_device_grants_expires on oauth_device_grants (expires_ts)',
  // People who are logged in on the server's own pages.
  `create table browser_sessions (
     session_hash text primary key,
     user_id text not null references accounts (user_id),
     -- of the password at that time: with another one the session is over
     password_stamp text not null,
     -- the second factor that is still to be shown; null: none
     awaits_factor text,
     authenticated_ts bigint not null,
     expires_ts bigint not null
   )`,
  'create index browser_sessions_user on browser_sessions (user_id, authenticated_ts)',
  'create index browser_sessions_expires on browser_sessions (expires_ts)',
  // Who has said on the account page that a client may replace the cross-signing keys once.
  `create table cross_signing_resets (
     user_id text primary key references accounts (user_id),
     expires_ts bigint not null
   )`,
]
