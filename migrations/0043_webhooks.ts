/** Webhooks: addresses by which programs say something in a room, and addresses that are told what is said there. */
export const up = (): readonly string[] => [
  // `secret_hash` is of those that take messages, `url`, `types` and `pattern` of those that are told.
  `create table webhooks (
    hook_id text primary key, room_id text not null, name text not null, created_by text not null,
    created_at bigint not null, used_at bigint,
    secret_hash text, may_mention integer not null default 0,
    url text, types text, pattern text, failing_since bigint, disabled_at bigint
  )`,
  'create index webhooks_room on webhooks (room_id)',

  // What was not taken yet, in the order in which it happened.
  `create table webhook_deliveries (
    hook_id text not null, seq bigint not null, event_id text not null, body text not null, attempts integer not null default 0,
    primary key (hook_id, seq)
  )`,
  'create unique index webhook_deliveries_event on webhook_deliveries (hook_id, event_id)',

  // Where somebody is told the secrets of their webhooks.
  'create table webhook_chats (user_id text primary key, room_id text not null)',
]
