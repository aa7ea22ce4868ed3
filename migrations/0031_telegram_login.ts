/** Logging in by Telegram: codes that a bot shows. Of secrets only the HMAC or the SHA-256 is kept. */
export const up = (): readonly string[] => [
  `create table telegram_login_bots (
     bot_id text primary key,
     username text not null,
     started_ts bigint not null
   )`,
  // People who have written to the bot.
  `create table telegram_login_people (
     tg_user text primary key,
     first_name text not null,
     last_name text,
     username text,
     avatar_url text,
     login_enabled smallint not null default 1,
     seen_ts bigint not null
   )`,
  // Login pages that are open in a browser.
  `create table telegram_logins (
     login_id text primary key,
     cookie_hash text not null,
     -- login, or link
     purpose text not null,
     nonce_hash text not null unique,
     icon smallint not null,
     network text not null,
     user_agent text not null,
     -- who has claimed it in Telegram
     tg_user text,
     -- pending, asked, confirmed, proved or dead
     state text not null,
     tries_left smallint not null,
     created_ts bigint not null,
     expires_ts bigint not null
   )`,
  'create index telegram_logins_cookie on telegram_logins (cookie_hash)',
  'create index telegram_logins_expires on telegram_logins (expires_ts)',
  `create table telegram_login_codes (
     code_id text primary key,
     code_hmac text not null,
     tg_user text not null,
     -- the page it is for; null: any, until it is typed
     login_id text,
     -- live, typed, used or revoked
     state text not null,
     issued_ts bigint not null,
     expires_ts bigint not null
   )`,
  'create index telegram_login_codes_user on telegram_login_codes (tg_user, issued_ts)',
  'create index telegram_login_codes_login on telegram_login_codes (login_id)',
  'create index telegram_login_codes_hmac on telegram_login_codes (code_hmac)',
  'create index telegram_login_codes_issued on telegram_login_codes (issued_ts)',
  // The pictures that somebody was asked to choose from.
  `create table telegram_login_matches (
     tg_user text primary key,
     choices text not null,
     expires_ts bigint not null
   )`,
  // What is counted, by what it is counted for.
  `create table telegram_login_tries (
     kind text not null,
     counted_for text not null,
     ts bigint not null
   )`,
  'create index telegram_login_tries_for on telegram_login_tries (kind, counted_for, ts)',
  'create index telegram_login_tries_ts on telegram_login_tries (ts)',
  // Networks that somebody has called strange, by "not me".
  `create table telegram_login_shut_out (
     tg_user text not null,
     network text not null,
     until_ts bigint not null,
     primary key (tg_user, network)
   )`,
  // Matrix users who are about to link their account.
  `create table telegram_login_links (
     nonce_hash text primary key,
     user_id text not null references accounts (user_id),
     tg_user text,
     expires_ts bigint not null
   )`,
  // What the bot is to hear. The counter never goes back, though the rows go.
  `create table telegram_login_events (
     id bigint primary key,
     tg_user text not null,
     event text not null,
     created_ts bigint not null
   )`,
  'create table telegram_login_event_counter (name text primary key, last_id bigint not null)',
  "insert into telegram_login_event_counter (name, last_id) values ('events', 0)",
]
