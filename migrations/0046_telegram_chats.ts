/** The chats in which the Telegram bot is, of which none is bridged until somebody chooses it. */
export const up = (): readonly string[] => [
  // Rights, and those who may choose, are lists in JSON; `asked_at` is when Telegram was asked for them, 0 for never.
  `create table telegram_chats (
    chat_id text primary key, type text not null, title text not null, is_forum integer not null, members integer,
    bot_status text not null, bot_rights text not null, admins text not null, asked_at bigint not null default 0,
    seen_at bigint not null, left_at bigint, is_greeted integer not null default 0
  )`,
  'create index telegram_chats_seen on telegram_chats (left_at, seen_at)',

  `insert into telegram_chats (chat_id, type, title, is_forum, bot_status, bot_rights, admins, seen_at, is_greeted)
    select chat_id, type, title, 0, 'member', '[]', '[]', 0, 1 from telegram_portals where thread_id = 0 and type <> 'private'`,
]
