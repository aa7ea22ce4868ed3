/** Rooms: events, state as shared deltas, current state, memberships. docs/architecture.md, "Storage of rooms". */
export const up = (): readonly string[] => [
  `create table rooms (
     room_id text primary key,
     version text not null,
     creator text not null,
     created_ts bigint not null,
     -- forward extremities, as JSON: [[event id, depth], …]
     extremities text not null default '[]',
     -- the group of the room's current state
     state_group bigint
   )`,
  // A group is the group \`base_id\` plus \`delta\`: the nids of the state events that differ, as JSON; a negative nid
  // takes that event's key away.
  `create table state_groups (
     id bigint primary key,
     room_id text not null,
     height bigint not null,
     base_id bigint references state_groups (id),
     prev_id bigint references state_groups (id),
     delta text not null
   )`,
  `create table events (
     nid bigint primary key,
     event_id text not null unique,
     room_id text not null,
     -- null for outliers: events known only as somebody's auth event; negative for what was backfilled
     stream_id bigint,
     depth bigint not null,
     type text not null,
     state_key text,
     sender text not null,
     origin_server_ts bigint not null,
     -- the state after this event, and the event it replaced in the state before it
     state_group bigint references state_groups (id),
     replaces_nid bigint,
     -- 0 accepted, 1 soft-failed, 2 rejected
     status smallint not null default 0,
     redacted_by text,
     -- the root, if the event is in a thread
     thread_root text,
     -- whom push rules notify, as JSON; null: nobody
     push text,
     txn_device text,
     txn_id text,
     -- the PDU in canonical JSON, and where in it the content stands, in UTF-16 units
     json text not null,
     content_at bigint not null,
     content_length bigint not null
   )`,
  'create unique index events_stream on events (stream_id)',
  'create index events_room_stream on events (room_id, stream_id)',
  'create index events_room_depth on events (room_id, depth, stream_id)',
  'create index events_room_ts on events (room_id, origin_server_ts)',
  'create index events_txn on events (sender, txn_device, origin_server_ts) where txn_id is not null',
  'create index events_push on events (room_id, stream_id) where push is not null',
  // The current state of each room, for questions that concern many rooms at once.
  `create table room_state (
     room_id text not null,
     type text not null,
     state_key text not null,
     event_nid bigint not null references events (nid),
     primary key (room_id, type, state_key)
   )`,
  // Every change of a room's current state: event_nid null takes the key away.
  `create table state_changes (
     stream_id bigint not null,
     room_id text not null,
     type text not null,
     state_key text not null,
     event_nid bigint,
     prev_nid bigint,
     primary key (room_id, stream_id, type, state_key)
   )`,
  `create index state_changes_member on state_changes (state_key, room_id, stream_id) where type = 'm.room.member'`,
  // Each user's current membership. stream_id is that of the change, also for a change of name or avatar.
  `create table memberships (
     room_id text not null,
     user_id text not null,
     membership text not null,
     sender text not null,
     event_nid bigint not null,
     event_id text not null,
     stream_id bigint not null,
     display_name text,
     avatar_url text,
     forgotten smallint not null default 0,
     primary key (room_id, user_id)
   )`,
  'create index memberships_user on memberships (user_id, membership)',
  'create index memberships_stream on memberships (room_id, stream_id)',
  // What an m.relates_to says; target and relating event are in the same room.
  `create table relations (
     event_nid bigint primary key references events (nid),
     room_id text not null,
     target_id text not null,
     rel_type text not null,
     type text not null,
     sender text not null,
     aggregation_key text,
     stream_id bigint not null
   )`,
  'create index relations_target on relations (target_id, rel_type, stream_id)',
  `create index relations_threads on relations (room_id, rel_type, stream_id)`,
  // Parents we do not have: where history has gaps that backfill may close.
  `create table backward_extremities (
     room_id text not null,
     event_id text not null,
     child_id text not null,
     primary key (room_id, event_id, child_id)
   )`,
  // What other rooms and strangers may ask about a room, kept with its state.
  `create table room_stats (
     room_id text primary key,
     name text,
     topic text,
     canonical_alias text,
     avatar_url text,
     room_type text,
     join_rule text,
     history_visibility text,
     guest_access text,
     encryption text,
     joined_members bigint not null default 0,
     invited_members bigint not null default 0,
     federate smallint not null default 1
   )`,
  'create index room_stats_members on room_stats (joined_members)',
]
