/** The Telegram bridge: public portals, how people are named there, rooms on the move, and who is not served. */
export const up = (): readonly string[] => [
  // The localpart of the alias of a portal that is public.
  'alter table telegram_portals add column alias text',
  'create index telegram_portals_alias on telegram_portals (alias)',
  // What stands before a message of Matrix, undefined for the usual; and whether it stands there each time.
  'alter table telegram_portals add column name_format text',
  'alter table telegram_portals add column is_name_repeated integer not null default 1',
  // What topics of this forum are; null for what the settings say.
  'alter table telegram_portals add column topics text',

  // From when the age of an event counts that was made to wait again.
  'alter table telegram_events add column waits_from bigint',

  // Rooms that were replaced, until the bot may come into the new one.
  'create table telegram_upgrades (room_id text primary key, next_room text not null unique)',
  // Matrix users, and ids of Telegram, whom an admin has shut out.
  'create table telegram_bans (person text primary key, actor text not null, at bigint not null)',
  // What people chose in their chat with the bot.
  'create table telegram_settings (tg_user text primary key, language text, is_puppet integer not null default 1)',
]
