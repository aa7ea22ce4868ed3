/** Connections of sliding sync, subscriptions to threads, and which fields of profiles changed when. */
export const up = (): readonly string[] => [
  // docs/adr/0010-positions-of-sliding-sync.md
  `create table sliding_connections (
     user_id text not null,
     session_id text not null,
     conn_id text not null,
     -- names this life of the connection: a client that starts over gets another one
     epoch text not null,
     -- the place the client has shown to know, and the one it was given last: what it was told of each room, as JSON
     known_seq bigint not null,
     known text not null,
     given_seq bigint not null,
     given text not null,
     used_ts bigint not null,
     primary key (user_id, session_id, conn_id)
   )`,
  `create table thread_subscriptions (
     user_id text not null,
     room_id text not null,
     root_id text not null,
     subscribed smallint not null,
     automatic smallint not null,
     -- the place in the events stream at which the user last unsubscribed
     unsubscribed_at bigint,
     stream_id bigint not null,
     primary key (user_id, room_id, root_id)
   )`,
  'create unique index thread_subscriptions_stream on thread_subscriptions (stream_id)',
  'create index thread_subscriptions_user on thread_subscriptions (user_id, stream_id)',
  'create index thread_subscriptions_root on thread_subscriptions (root_id) where subscribed = 1',
  // The last change of each field. Whether it is there now, the profile tells.
  `create table profile_changes (
     user_id text not null,
     field text not null,
     stream_id bigint not null,
     primary key (user_id, field)
   )`,
  'create unique index profile_changes_stream on profile_changes (stream_id)',
]
