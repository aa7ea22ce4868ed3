/** The Telegram bridge in several processes, who joined what with what, and links that begin in Telegram. */
export const up = (): readonly string[] => [
  // One process at a time takes what a bot is told: the one whose lease is not over.
  'alter table telegram_bots add column lease_holder text',
  'alter table telegram_bots add column lease_until bigint not null default 0',

  `create table telegram_audit (
    seq bigint primary key, at bigint not null, actor text not null, act text not null, chat_id text not null, room_id text not null
  )`,

  // Codes that somebody gets in Telegram and says in Matrix, to be the same person.
  'create table telegram_link_codes (code_hash text primary key, person text not null, expires_at bigint not null)',
]
