/** Filters of clients; and a way to see at once whether a room's history was ever hidden. */
export const up = (): readonly string[] => [
  `create table filters (
     user_id text not null,
     filter_id bigint not null,
     -- as uploaded, in canonical JSON
     filter text not null,
     primary key (user_id, filter_id)
   )`,
  `create index state_changes_visibility on state_changes (room_id, stream_id)
     where type = 'm.room.history_visibility'`,
]
