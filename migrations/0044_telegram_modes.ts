/** The Telegram bridge in several processes, chosen by an API, and with what was said before. */
export const up = (): readonly string[] => [
  // One process at a time takes what a bot is told: the one whose lease is not over.
  'alter table telegram_bots add column lease_holder text',
  'alter table telegram_bots add column lease_until bigint not null default 0',

  // Chats in which the bot is, bridged or not: of those that are not, nothing else is kept.
  `create table telegram_chats (
    chat_id text primary key, type text not null, title text not null, username text, status text not null, seen_at bigint not null
  )`,

  'alter table telegram_portals add column is_public integer not null default 0',

  // Who joined what with what, and ended it.
  `create table telegram_audit (
    audit_id text primary key, at bigint not null, actor text not null, act text not null, chat_id text not null,
    room_id text not null
  )`,
  'create index telegram_audit_at on telegram_audit (at)',

  // Codes that somebody gets in Telegram and says in Matrix, to be the same person.
  'create table telegram_link_codes (code_hash text primary key, person text not null, expires_at bigint not null)',

  // Exports of Telegram Desktop: how many of their messages are in the room.
  'create table telegram_imports (source text primary key, room_id text not null, done integer not null)',
]
