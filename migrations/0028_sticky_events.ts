/** Events that are told to everybody in the room as long as they last. https://github.com/matrix-org/matrix-spec-proposals/pull/4354 */
export const up = (): readonly string[] => [
  `create table sticky_events (
     stream_id bigint primary key,
     event_nid bigint not null unique,
     event_id text not null,
     room_id text not null,
     -- of a user of this server
     is_local smallint not null,
     expires_ts bigint not null
   )`,
  'create index sticky_events_room on sticky_events (room_id, stream_id)',
  'create index sticky_events_expires on sticky_events (expires_ts)',
]
