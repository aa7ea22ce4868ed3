/** Logging in by way of others, and second factors. */
export const up = (): readonly string[] => [
  // Who an account is elsewhere, such as a Telegram id.
  `create table external_ids (
     provider text not null,
     subject text not null,
     user_id text not null references accounts (user_id),
     linked_ts bigint not null,
     last_login_ts bigint,
     -- what we took from there last: it is renewed as long as the user has not chosen something else
     shown_name text,
     shown_avatar text,
     primary key (provider, subject)
   )`,
  'create unique index external_ids_user on external_ids (user_id, provider)',
  // People whom a provider has shown to us, and who are choosing a user name.
  `create table sso_sign_ups (
     cookie_hash text primary key,
     provider text not null,
     subject text not null,
     localpart text,
     displayname text,
     avatar_url text,
     expires_ts bigint not null
   )`,
  'create index sso_sign_ups_expires on sso_sign_ups (expires_ts)',
  // Browsers that were sent to an OpenID provider and are to come back.
  `create table oidc_requests (
     state_hash text primary key,
     cookie_hash text not null,
     provider text not null,
     nonce text not null,
     code_verifier text not null,
     -- where to go on afterwards
     way text not null,
     -- whose account it is to be linked with; null: it is for logging in
     links_user_id text references accounts (user_id),
     expires_ts bigint not null
   )`,
  'create index oidc_requests_expires on oidc_requests (expires_ts)',
  // Codes of an authenticator app. The secret is encrypted with a key that is not in the database.
  `create table totp_secrets (
     user_id text primary key references accounts (user_id),
     secret text not null,
     -- null until the first right code
     confirmed_ts bigint,
     -- the time step of the last code, which is good only once
     last_step bigint not null default 0
   )`,
  `create table recovery_codes (
     user_id text not null references accounts (user_id),
     code_hash text not null,
     primary key (user_id, code_hash)
   )`,
  `create table passkeys (
     credential_id text primary key,
     user_id text not null references accounts (user_id),
     public_key text not null,
     counter bigint not null,
     -- JSON
     transports text not null,
     name text not null,
     created_ts bigint not null,
     used_ts bigint
   )`,
  'create index passkeys_user on passkeys (user_id)',
  `create table passkey_challenges (
     cookie_hash text primary key,
     challenge text not null,
     expires_ts bigint not null
   )`,
  'create index passkey_challenges_expires on passkey_challenges (expires_ts)',
]
