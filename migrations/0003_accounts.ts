/** Accounts, their devices and tokens, and what guards them. Of a secret that opens a session only the SHA-256 is kept. */
export const up = (): readonly string[] => [
  `create table accounts (
     user_id text primary key,
     -- in PHC form; null: nobody logs in by password
     password_hash text,
     created_ts bigint not null,
     -- the application service that made the account
     appservice_id text,
     is_guest smallint not null default 0,
     is_admin smallint not null default 0,
     is_locked smallint not null default 0,
     is_suspended smallint not null default 0,
     is_deactivated smallint not null default 0,
     is_erased smallint not null default 0,
     -- deactivated, and not out of all rooms yet
     is_departing smallint not null default 0
   )`,
  'create index accounts_departing on accounts (user_id) where is_departing = 1',
  // Names and avatar are columns because the search of users needs them; further fields are one JSON object.
  `create table profiles (
     user_id text primary key references accounts (user_id),
     displayname text,
     avatar_url text,
     fields text not null default '{}'
   )`,
  `create table devices (
     user_id text not null references accounts (user_id),
     device_id text not null,
     display_name text,
     created_ts bigint not null,
     last_seen_ts bigint,
     last_seen_ip text,
     last_seen_user_agent text,
     -- not shown to the user: devices that are no session, such as dehydrated ones
     is_hidden smallint not null default 0,
     primary key (user_id, device_id)
   )`,
  `create table access_tokens (
     token_hash text primary key,
     user_id text not null,
     device_id text not null,
     created_ts bigint not null,
     expires_ts bigint,
     -- the refresh token it was given out with, and whether it was used since
     refresh_hash text,
     is_used smallint not null default 0,
     foreign key (user_id, device_id) references devices (user_id, device_id) on delete cascade
   )`,
  'create index access_tokens_device on access_tokens (user_id, device_id)',
  'create index access_tokens_refresh on access_tokens (refresh_hash) where refresh_hash is not null',
  'create index access_tokens_expires on access_tokens (expires_ts) where expires_ts is not null',
  `create table refresh_tokens (
     token_hash text primary key,
     user_id text not null,
     device_id text not null,
     expires_ts bigint,
     -- when the session ends, however often it is refreshed
     session_expires_ts bigint,
     -- when it was first exchanged, and for which refresh token last
     rotated_ts bigint,
     successor_hash text,
     foreign key (user_id, device_id) references devices (user_id, device_id) on delete cascade
   )`,
  'create index refresh_tokens_device on refresh_tokens (user_id, device_id)',
  `create table login_tokens (
     token_hash text primary key,
     user_id text not null references accounts (user_id),
     expires_ts bigint not null
   )`,
  'create index login_tokens_expires on login_tokens (expires_ts)',
  `create table registration_tokens (
     token text primary key,
     -- null: any number
     uses_allowed bigint,
     completed bigint not null default 0,
     expires_ts bigint,
     created_ts bigint not null
   )`,
  `create table uia_sessions (
     session_id text primary key,
     -- what it authenticates: nothing else may be done with it. Empty for a request of nobody.
     user_id text not null,
     device_id text not null,
     method text not null,
     path text not null,
     -- null while any body will do
     body_hash text,
     -- the stages passed and what each gave, as JSON
     completed text not null default '{}',
     expires_ts bigint not null
   )`,
  'create index uia_sessions_expires on uia_sessions (expires_ts)',
  // Wrong passwords by account and network; the account need not exist.
  `create table login_failures (
     user_id text not null,
     network text not null,
     failures bigint not null,
     last_ts bigint not null,
     primary key (user_id, network)
   )`,
  'create index login_failures_last on login_failures (last_ts)',
]
