/** Messages whose time is over, histories that administrators purge, and rooms and files that they block. */
export const up = (): readonly string[] => [
  // Before an event is deleted the database looks whether it is state.
  'create index room_state_event on room_state (event_nid)',
  `create index room_state_retention on room_state (room_id)
     where type = 'm.room.retention' or type = 'org.matrix.msc1763.retention'`,
  // Which messages show a file.
  'create index search_documents_url on search_documents (stream_id) where has_url = 1',
  `create table history_purges (
     purge_id text primary key,
     room_id text not null,
     -- before this time, or before this place in the room; one of them
     before_ts bigint,
     before_depth bigint,
     before_stream bigint,
     -- what users of this server said goes too
     with_local smallint not null,
     -- active, complete or failed, and why
     status text not null,
     error text,
     created_ts bigint not null
   )`,
  'create index history_purges_created on history_purges (created_ts)',
  // Which nobody of this server may come into.
  'create table blocked_rooms (room_id text primary key, user_id text not null)',
  // The administrator who keeps the file from everybody; and files that are not to be kept from anybody.
  'alter table media add column quarantined_by text',
  'alter table media add column is_protected smallint not null default 0',
]
