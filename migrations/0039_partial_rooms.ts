/** Rooms that were joined with a part of their state, until the rest is there. docs/federation.md, "Large rooms". */
export const up = (): readonly string[] => [
  `create table partial_rooms (
     room_id text primary key,
     servers text not null,
     began_ts bigint not null,
     completed_at bigint
   )`,
  // The joins of which nobody has told the whole state before them.
  'create table partial_joins (event_id text primary key, room_id text not null, told_by text not null)',
  'create index partial_joins_room on partial_joins (room_id)',
  // The events that were judged by a part of the state, to be judged again.
  `create table partial_events (
     room_id text not null,
     event_nid bigint not null,
     primary key (room_id, event_nid)
   )`,
]
