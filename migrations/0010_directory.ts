/** Names of rooms, and which of them are listed for everybody. */
export const up = (): readonly string[] => [
  `create table room_aliases (
     alias text primary key,
     room_id text not null,
     creator text not null,
     created_ts bigint not null
   )`,
  'create index room_aliases_room on room_aliases (room_id)',
  'create table published_rooms (room_id text primary key, published_ts bigint not null)',
]
