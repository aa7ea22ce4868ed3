/**
 * The Telegram bridge. Ids of Telegram's chats and users are text: they need more than 32 bits, and are never counted with.
 * What came in waits in two tables, one a direction, until the other side has it.
 */
export const up = (): readonly string[] => [
  'create table telegram_bots (bot_id text primary key, username text not null, next_update bigint not null)',

  // Updates wait by lane: those of a chat go one after the other.
  `create table telegram_updates (
    bot_id text not null, update_id bigint not null, lane text not null, json text not null, received_at bigint not null,
    attempts integer not null default 0, error text, is_dead integer not null default 0,
    primary key (bot_id, update_id)
  )`,
  'create index telegram_updates_lane on telegram_updates (lane, update_id)',

  // Matrix events; those that are through stay for a week without their text, so that none is taken twice.
  `create table telegram_events (
    event_id text primary key, seq bigint not null, room_id text not null, json text, received_at bigint not null,
    state text not null, attempts integer not null default 0, error text,
    sent_parts integer not null default 0, is_sending integer not null default 0
  )`,
  'create index telegram_events_room on telegram_events (room_id, state, seq)',

  `create table telegram_portals (
    chat_id text not null, thread_id integer not null, room_id text not null unique, type text not null,
    title text not null, photo text, state text not null, bridged_by text not null, last_message integer not null default 0,
    primary key (chat_id, thread_id)
  )`,

  `create table telegram_messages (
    chat_id text not null, message_id integer not null, part integer not null, room_id text not null,
    event_id text not null, sender text not null, is_from_matrix integer not null, hash text not null, media text,
    primary key (chat_id, message_id, part)
  )`,
  'create index telegram_messages_event on telegram_messages (event_id)',

  `create table telegram_reactions (
    chat_id text not null, message_id integer not null, sender text not null, emoji text not null,
    event_id text not null unique, sent_at bigint not null,
    primary key (chat_id, message_id, sender, emoji)
  )`,

  'create table telegram_users (id text primary key, username text, name text not null, profile text not null)',
  'create index telegram_users_username on telegram_users (username)',
  'create table telegram_members (room_id text not null, user_id text not null, primary key (room_id, user_id))',
  'create table telegram_files (unique_id text primary key, file_id text not null, kind text not null, mxc text not null)',
  'create index telegram_files_mxc on telegram_files (mxc)',
  `create table telegram_polls (
    poll_id text primary key, chat_id text not null, message_id integer not null, room_id text not null,
    event_id text not null unique, answers text not null
  )`,
  `create table telegram_handshakes (
    code text primary key, room_id text not null, user_id text not null, expires_at bigint not null
  )`,
]
